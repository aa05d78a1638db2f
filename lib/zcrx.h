/* SPDX-License-Identifier: MIT */
/*
 * libzcrx: receive TCP payload into your own memory through zcrxd.
 *
 * A connection (struct zcrx) leads to the daemon. An *area* is memory that payload lands in. A
 * *queue* receives into one area; a *flow* is one TCP stream received on a queue. Everything that
 * happens comes as one stream of completions: zcrx_reap() takes them, zcrx_recycle() gives the
 * buffers back.
 *
 * Errors: functions that return int return 0 (or a count) or a negative errno; zcrx_error() holds
 * the sentence that goes with the last refusal. Result pointers are written only on success.
 *
 * Threads: no object may be used by two threads at once. A queue with its flows belongs to one
 * thread at a time, and so does the connection; zcrx_reap, zcrx_data, zcrx_recycle, zcrx_wait,
 * zcrx_queue_fd, zcrx_queue_info and the accessors of a flow touch only their queue, so several
 * queues of one connection may run on several threads; every other call touches the connection too.
 * The library starts no thread, touches no signal and prints nothing.
 *
 * Blocking: zcrx_connect, zcrx_flow_connect and zcrx_wait may block; all other calls wait for one
 * answer of the daemon at most. If that is not there within 30 s (ZCRX_FLOW_HOST: and the time that
 * connecting takes) or is nonsense, the connection is over: the call returns -ETIMEDOUT,
 * -ECONNRESET or -EPROTO, later ones -ENOTCONN, and the queues report ZCRX_LOST.
 */
#ifndef ZCRX_H
#define ZCRX_H

#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

#ifdef __cplusplus
extern "C" {
#endif

#define ZCRX_API __attribute__((visibility("default")))

struct zcrx;       /* a connection to the daemon */
struct zcrx_area;  /* memory that payload lands in */
struct zcrx_queue; /* receives into one area */
struct zcrx_flow;  /* one TCP stream, or a listening socket, on a queue */

/* ---- connection ---- */

/*
 * Connects to the daemon at path; NULL means $ZCRX_SOCKET, or else /run/zcrxd/zcrxd.sock.
 * The caller ends the connection with zcrx_close().
 * Returns 0 or a negative errno: -ENOENT or -ECONNREFUSED when no daemon listens there, -EACCES
 * when you may not use it, -EPROTO when the versions do not fit, -ENAMETOOLONG.
 */
ZCRX_API int zcrx_connect(struct zcrx **ret, const char *path);

/* Ends the connection and frees it with all its areas, queues and flows. NULL is fine. */
ZCRX_API void zcrx_close(struct zcrx *z);

/*
 * One sentence on the last refusal, "" if none. Valid until the next call on the connection.
 * NULL: on this thread's last zcrx_connect() that failed, valid until its next one.
 */
ZCRX_API const char *zcrx_error(const struct zcrx *z);

/* ---- areas ---- */

#define ZCRX_AREA_UDMABUF 0x1u /* zcrxd makes a dma-buf of it */

/*
 * Makes an area of the given length (bytes, rounded up to whole pages) from a new sealed memfd,
 * mapped and pre-faulted. The memory is this process's own. flags: 0 or ZCRX_AREA_UDMABUF.
 * Returns 0 or a negative errno: -EDQUOT when the daemon's quota says no, -EPERM when it makes no
 * udmabufs, -ENOMEM, -EINVAL.
 */
ZCRX_API int zcrx_area_new(struct zcrx *z, struct zcrx_area **ret, size_t bytes, unsigned flags);

/*
 * Makes an area from a memfd (sealed against shrinking, not against writing) or a dma-buf; there is
 * zcrx-mem.h to make one. The fd stays the caller's and may be closed afterwards. A memfd is
 * mapped and pre-faulted; a dma-buf is mapped where its exporter allows it. bytes: 0 for all of it,
 * and of a dma-buf only all of it will do.
 *
 * Returns 0 or a negative errno: -EPERM for missing or wrong seals, -EACCES for an fd that is not
 * open for reading and writing, -EOPNOTSUPP when no backend can receive into such memory, -EBUSY
 * for a dma-buf that is an area already, -EINVAL, -EDQUOT.
 */
ZCRX_API int zcrx_area_import(struct zcrx *z, struct zcrx_area **ret, int fd, size_t bytes);

/* The area's first byte in this process, NULL if it cannot be mapped; its length in bytes. */
ZCRX_API void *zcrx_area_data(const struct zcrx_area *a);
ZCRX_API size_t zcrx_area_bytes(const struct zcrx_area *a);

/*
 * Brackets reads of a dma-buf area by the CPU: begin = 1 before, 0 after
 * (DMA_BUF_IOCTL_SYNC, linux/dma-buf.h). Does nothing for other memory.
 */
ZCRX_API int zcrx_area_sync(struct zcrx_area *a, int begin);

/* Unmaps and frees the area. Returns -EBUSY while a queue uses it. NULL is fine. */
ZCRX_API int zcrx_area_free(struct zcrx_area *a);

/* ---- queues ---- */

enum zcrx_backend {
	ZCRX_BACKEND_AUTO = 0, /* the best one that works here */
	ZCRX_BACKEND_COPY = 1, /* any NIC: the kernel copies once, into the area */
	ZCRX_BACKEND_DEVMEM = 2,
	ZCRX_BACKEND_ZCRX = 3,
};

#define ZCRX_QUEUE_NO_COPY 0x1u /* fail with -EOPNOTSUPP rather than fall back to copying */

struct zcrx_queue_options {
	size_t size;           /* sizeof(struct zcrx_queue_options) */
	uint32_t backend;      /* enum zcrx_backend */
	uint32_t flags;        /* ZCRX_QUEUE_* */
	uint32_t cq_entries;   /* completions that fit; 0: 1024; rounded up to a power of two */
	uint32_t rq_entries;   /* room for refills, at least one for each buffer; 0: fits */
	uint32_t buffer_bytes; /* unit the area is divided into; 0: the backend's choice */
	uint32_t rx_queues;    /* hardware queues; 0: one */
	char nic[16];          /* interface to receive from; "": any */
};

/*
 * Opens a queue that receives into the area; options may be NULL for all defaults. An area serves
 * one queue at a time and must outlive it.
 * Returns 0 or a negative errno: -EOPNOTSUPP when the backend asked for is not available (the
 * sentence says why), -EBUSY when the area has a queue, -EDQUOT, -ENOMEM, -EINVAL.
 */
ZCRX_API int zcrx_queue_open(struct zcrx *z, struct zcrx_queue **ret, struct zcrx_area *a,
			     const struct zcrx_queue_options *options);

struct zcrx_queue_info {
	size_t size;           /* in: sizeof(struct zcrx_queue_info) */
	uint32_t backend;      /* the one given */
	uint32_t buffer_bytes; /* bytes */
	uint32_t ifindex;      /* 0: any interface */
	uint32_t rxq;
	uint32_t cq_entries;
	uint32_t rq_entries;
	uint64_t bytes;        /* received */
	uint64_t bytes_copied; /* of these, copied by a CPU, as far as the kernel tells */
	uint64_t completions;
	uint64_t refills_refused;
	uint64_t starvations; /* times a stream stood still, or the NIC, for want of buffers */
	uint64_t wakeups;
	uint64_t enters;
	const char *why_not; /* why no better backend was given, ""; dies with the queue */
};

/* Fills the first info->size bytes. Returns 0, or -EINVAL for an impossible size. */
ZCRX_API int zcrx_queue_info(const struct zcrx_queue *q, struct zcrx_queue_info *info);

/*
 * One descriptor to poll for POLLIN; never read it. It is readable only after zcrx_reap() returned
 * 0 and something has happened since. It dies with the queue.
 */
ZCRX_API int zcrx_queue_fd(const struct zcrx_queue *q);

/*
 * Ends all flows of the queue and frees them with it. After it returns nobody writes to the area
 * any more; only if the connection was over already, the kernel may take a moment longer. NULL is
 * fine.
 */
ZCRX_API void zcrx_queue_close(struct zcrx_queue *q);

/* ---- flows ---- */

#define ZCRX_FLOW_LISTEN       0x1u /* adopt: the socket listens */
#define ZCRX_FLOW_HOST         0x2u /* open the socket in the daemon's network namespace */
#define ZCRX_FLOW_RECEIVE_ONLY 0x4u /* with HOST: no socket for this process */

/*
 * Receives the stream of a connected TCP socket on the queue; with ZCRX_FLOW_LISTEN, those of all
 * connections that a listening socket accepts (each arrives as ZCRX_OPEN). The daemon gets a
 * duplicate; sock stays the caller's to send on, to shut down and to close, and must never be read
 * or accepted from. user comes back with each completion.
 * Returns 0 or a negative errno: -EPROTOTYPE for anything but TCP over IPv4 or IPv6, -ENOTCONN,
 * -EPROTONOSUPPORT for kTLS and MPTCP, -EALREADY when it is adopted already, -EDQUOT.
 */
ZCRX_API int zcrx_flow_adopt(struct zcrx_queue *q, struct zcrx_flow **ret, int sock, unsigned flags,
			     void *user);

/*
 * Opens a TCP socket, connects it (blocking, as connect(2) does) and adopts it. flags:
 * ZCRX_FLOW_HOST, ZCRX_FLOW_RECEIVE_ONLY. The socket belongs to the flow.
 * Returns as zcrx_flow_adopt and connect(2) do; -EPERM when HOST is not granted.
 */
ZCRX_API int zcrx_flow_connect(struct zcrx_queue *q, struct zcrx_flow **ret,
			       const struct sockaddr *to, socklen_t len, unsigned flags,
			       void *user);

/*
 * Opens a TCP socket, binds it (SO_REUSEADDR), listens and adopts it. Its connections arrive as
 * ZCRX_OPEN with the listener's user value, until zcrx_flow_set_user() gives them their own.
 */
ZCRX_API int zcrx_flow_listen(struct zcrx_queue *q, struct zcrx_flow **ret,
			      const struct sockaddr *at, socklen_t len, unsigned flags, void *user);

/* Stops (on = 1) and resumes receiving; the peer feels TCP's closed window, other flows run on. */
ZCRX_API int zcrx_flow_pause(struct zcrx_flow *f, int on);

/*
 * The flow's socket: the adopted one, or that of an accepted or opened connection, which belongs to
 * the flow. For sending, never for reading. -1 for a receive-only flow, and for a connection that
 * came while the process could have no more descriptors.
 */
ZCRX_API int zcrx_flow_socket(const struct zcrx_flow *f);

/* Addresses of the stream, as getsockname(2) and getpeername(2) give them. */
ZCRX_API int zcrx_flow_local(const struct zcrx_flow *f, struct sockaddr *addr, socklen_t *len);
ZCRX_API int zcrx_flow_remote(const struct zcrx_flow *f, struct sockaddr *addr, socklen_t *len);

ZCRX_API void zcrx_flow_set_user(struct zcrx_flow *f, void *user);
ZCRX_API void *zcrx_flow_user(const struct zcrx_flow *f);

#define ZCRX_CLOSE_ABORT 0x1u /* reset the connection; your own socket only before ZCRX_END */

/*
 * Ends receiving and frees the flow; its socket is closed unless it was the caller's own. Data of
 * this flow not yet reaped is recycled. Completions already reaped stay valid until recycled, but
 * for the flow that they name. Connections that a listener has accepted still arrive as ZCRX_OPEN,
 * with its user value; after that it gets none. NULL is fine.
 */
ZCRX_API void zcrx_flow_close(struct zcrx_flow *f, unsigned flags);

/* ---- completions ---- */

enum zcrx_what {
	ZCRX_DATA = 1, /* len bytes at off in the area; yours until recycled */
	ZCRX_OPEN =
		2,    /* flow is a new connection of a listener; its data comes with a later reap */
	ZCRX_END = 3, /* the flow's last completion; error 0: FIN, else a negative errno */
	/*
	 * The queue is dead, its flows with it; every reap says so from now on, and only closing is
	 * left. What was received before, data and ends, has been given out. error: -ECONNRESET
	 * when the daemon is gone, -EPROTO when it broke the protocol, or its own reason, such as
	 * -ESHUTDOWN.
	 */
	ZCRX_LOST = 4,
};

#define ZCRX_COPIED 0x1u /* DATA: a CPU copied these bytes */
#define ZCRX_SIDE   0x2u /* DATA: not in the area, which is a dma-buf, but where zcrx_data() says */

struct zcrx_completion {
	uint32_t what; /* enum zcrx_what */
	int32_t error; /* END, LOST */
	struct zcrx_flow *flow;
	void *user;     /* the flow's */
	uint64_t off;   /* DATA: bytes from the start of the area, or of the side buffer */
	uint32_t len;   /* DATA: bytes */
	uint32_t flags; /* ZCRX_COPIED, ZCRX_SIDE */
};

/*
 * Takes up to max completions into c. Never blocks. Returns their number; 0 means nothing now, and
 * zcrx_queue_fd() is armed. While as many DATA completions are out as the refill ring has entries,
 * no further one is given; then recycle some and reap again, the descriptor does not tell.
 */
ZCRX_API int zcrx_reap(struct zcrx_queue *q, struct zcrx_completion *c, int max);

/*
 * Where this process can read the DATA: in the area, or in the queue's side buffer if ZCRX_SIDE is
 * set; that holds what the NIC could not place in a dma-buf. NULL: in an area that cannot be
 * mapped. Valid until the completion is recycled.
 */
ZCRX_API const void *zcrx_data(const struct zcrx_queue *q, const struct zcrx_completion *c);

/*
 * Gives the buffers of DATA completions back, in any order; others in the array are ignored. Cannot
 * fail. Each DATA completion is to be recycled once.
 */
ZCRX_API void zcrx_recycle(struct zcrx_queue *q, const struct zcrx_completion *c, int n);

/*
 * Waits until it is worth calling zcrx_reap(), at most ms milliseconds (-1: without limit). Returns
 * 1, 0 when time is up, or a negative errno (-EINTR).
 */
ZCRX_API int zcrx_wait(struct zcrx_queue *q, int ms);

#ifdef __cplusplus
}
#endif

#endif
