/* SPDX-License-Identifier: MIT */
/*
 * libzcrx: receive TCP payload into your own memory through zcrxd.
 *
 * A connection (struct zcrx) leads to the daemon. An *area* is memory that payload lands in. A
 * *queue* receives into one area. A *flow* is one TCP stream received on a queue. Everything that
 * happens on a queue comes as one stream of completions: zcrx_reap() takes them, zcrx_recycle()
 * gives the buffers back.
 *
 * The daemon is two programs: zcrxd, and zcrx-pump, which zcrxd starts for each connection. The
 * pump has the connection's sockets and queues. Streams go on when zcrxd is killed; when the pump
 * is killed, the queues of its connection are lost.
 *
 * Errors: functions that return int return 0, or a count, or a negative errno. After a refusal by a
 * function that uses the connection (Threads, below) zcrx_error() returns a sentence that says what
 * to do about it. Functions that use only their queue do not change the sentence. What a result
 * pointer (ret) points to is written on success only.
 *
 * Ownership: a connection owns its areas and queues, a queue owns its flows. Closing the owner
 * frees what it owns. Functions that free take NULL.
 *
 * Threads: no object may be used by two threads at once. A queue with its flows belongs to one
 * thread at a time, and so does the connection. zcrx_reap, zcrx_data, zcrx_recycle, zcrx_wait,
 * zcrx_queue_fd, zcrx_queue_info and the accessors of a flow use their queue only, so several
 * queues of one connection may run on several threads. Every other call uses the connection too.
 * The library starts no thread, touches no signal and prints nothing.
 *
 * Blocking: zcrx_connect, zcrx_flow_connect and zcrx_wait may block. zcrx_reap and zcrx_recycle
 * never do. Every other call waits for at most one answer of the daemon, but two:
 * zcrx_flow_listen() with ZCRX_FLOW_HOST that fails with -EMFILE waits for one more, and for one
 * for each connection that was accepted by then; and a new flow on a queue that the daemon has lost
 * waits, for 30 s at most, until the queue says why. The connection is over if an answer is not
 * there in time (-ETIMEDOUT), makes no sense (-EPROTO), or cannot come any more
 * (-ECONNRESET). Later calls return -ENOTCONN, and the queues report ZCRX_LOST. In time is 30 s.
 * Calls that make or free an area, or open or close a queue, have 1 s more for each 32 MiB of the
 * area; zcrx_flow_connect() with ZCRX_FLOW_HOST has 120 s more. It is over, too, if a request that
 * ends something cannot be sent (-ENOBUFS, -ENOMEM).
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
 * Connects to the daemon's socket at path. NULL: the path in $ZCRX_SOCKET, or, if that is not set,
 * /run/zcrxd/zcrxd.sock. The caller owns *ret and ends the connection with zcrx_close(). Tries
 * again for three seconds if the daemon was killed, or is killed meanwhile, since it is started
 * anew.
 * Returns 0 or a negative errno. If there is no daemon to talk to: -ENOENT or -ECONNREFUSED if none
 * listens there, -EPROTOTYPE if a socket of another kind does, -EINVAL if the path is empty,
 * -ENAMETOOLONG if none can, -ECONNRESET if it ends the connection before it has
 * admitted it, -ESHUTDOWN if it is ending, -ETIMEDOUT if it does not answer. If this process may
 * not use it: -EACCES if the socket's mode says so, -EPERM if zcrxd does. -EPROTO if the versions
 * do not fit. -EDQUOT: the user has as many connections as `sessions` of zcrxd.conf(5) allows, has
 * connected as often as `connections-per-second` allows, or the class has as many users as
 * `most-users` allows. Other negative errnos, such as -ENOMEM: see zcrx_error().
 */
ZCRX_API int zcrx_connect(struct zcrx **ret, const char *path);

/*
 * Ends the connection, and frees it with all its areas, queues and flows. Sockets that were adopted
 * stay open. z may be NULL. After fork(2) this ends the connection for both processes: the one that
 * does not go on using it must not call it, and exits or executes.
 */
ZCRX_API void zcrx_close(struct zcrx *z);

/*
 * One sentence on the last refusal of the connection, "" if there was none. Valid until the next
 * call on the connection. z NULL: the sentence is about the last zcrx_connect() of this thread that
 * failed, and is valid until the next one.
 */
ZCRX_API const char *zcrx_error(const struct zcrx *z);

/* ---- areas ---- */

#define ZCRX_AREA_UDMABUF 0x1u /* zcrxd makes a dma-buf of the area's memfd */

/*
 * Makes an area of a new sealed memfd, maps it and touches all of it, so that this process pays for
 * the memory. bytes: its length, rounded up to whole pages. flags: 0 or ZCRX_AREA_UDMABUF. The
 * connection owns *ret; zcrx_area_free() frees it earlier.
 * Returns 0 or a negative errno: -EDQUOT if the user's limit is reached, -EPERM if the daemon makes
 * no udmabufs for this client, -ENOMEM, -EINVAL.
 */
ZCRX_API int zcrx_area_new(struct zcrx *z, struct zcrx_area **ret, size_t bytes, unsigned flags);

/*
 * Makes an area of a memfd, which has to be sealed against shrinking and not against writing, or of
 * a dma-buf (zcrx-mem.h makes some). fd stays the caller's, who may close it afterwards. A memfd is
 * mapped and all of it touched; a dma-buf is mapped if its exporter allows it. bytes: the length in
 * bytes, whole pages, or whole huge pages if the memfd has these; 0 for all of the file. An area of
 * a dma-buf has all of it.
 *
 * Returns 0 or a negative errno: -EPERM for missing or wrong seals, -EACCES if fd is not open for
 * reading and writing, -EOPNOTSUPP if no backend can receive into such memory, -EBUSY for a dma-buf
 * that is an area already, -EBADF if fd is not open, -ENOMEM, -EINVAL, -EDQUOT.
 */
ZCRX_API int zcrx_area_import(struct zcrx *z, struct zcrx_area **ret, int fd, size_t bytes);

/*
 * The area's first byte in this process, or NULL if the area cannot be mapped. Valid until the area
 * is freed.
 */
ZCRX_API void *zcrx_area_data(const struct zcrx_area *a);
/* Its length in bytes. */
ZCRX_API size_t zcrx_area_bytes(const struct zcrx_area *a);

/*
 * To be called before (begin = 1) and after (begin = 0) the CPU reads an area that is a dma-buf
 * (DMA_BUF_IOCTL_SYNC, linux/dma-buf.h). Does nothing for other memory. Uses the connection, in
 * which it leaves its sentence for zcrx_error(): threads of several queues take a lock around it.
 * Returns 0 or a negative errno.
 */
ZCRX_API int zcrx_area_sync(struct zcrx_area *a, int begin);

/* Unmaps and frees the area. a may be NULL. Returns 0, or -EBUSY while a queue uses the area. */
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
	size_t size;         /* sizeof(struct zcrx_queue_options) */
	uint32_t backend;    /* enum zcrx_backend */
	uint32_t flags;      /* ZCRX_QUEUE_* */
	uint32_t cq_entries; /* completions that fit; rounded up to a power of two; 0: 1024 */
	/*
	 * Refills that fit, and so the most DATA completions that are out at once: one for each
	 * buffer with copy, four with zcrx and devmem, and never more than 32768. So with buffers
	 * of 4 KiB at most 128 MiB of payload are out at once, however large the area. 0, or a
	 * smaller number: as many as that.
	 */
	uint32_t rq_entries;
	uint32_t buffer_bytes; /* bytes of the buffers the area is divided into; 0: backend's choice
				*/
	uint32_t rx_queues;    /* how many hardware queues; 0: one */
	char nic[16];          /* name of the interface to receive from; "": any */
};

/*
 * Opens a queue that receives into the area. options NULL: all defaults. An area has one queue at a
 * time and must outlive it. The connection owns *ret; zcrx_queue_close() frees it earlier.
 * Returns 0 or a negative errno: -EOPNOTSUPP if the backend asked for is not available
 * (zcrx_error() says why), -EPERM if the class may not have it, -EBUSY if the area has a queue,
 * -EDQUOT, -EMLINK if the connection has 4096 queues, -E2BIG for options that this library does not
 * know, -EINVAL, -ENOMEM, -EMFILE, -ESHUTDOWN if zcrxd is ending, -EIO or the kernel's errno if the
 * kernel refused.
 */
ZCRX_API int zcrx_queue_open(struct zcrx *z, struct zcrx_queue **ret, struct zcrx_area *a,
			     const struct zcrx_queue_options *options);

struct zcrx_queue_info {
	size_t size;           /* in: sizeof(struct zcrx_queue_info) */
	uint32_t backend;      /* enum zcrx_backend; never ZCRX_BACKEND_AUTO */
	uint32_t buffer_bytes; /* bytes of a buffer */
	uint32_t ifindex;      /* the interface's index; 0: any interface */
	uint32_t rxq;          /* the first hardware queue's number */
	uint32_t cq_entries;   /* completions that fit */
	uint32_t rq_entries;   /* refills that fit */
	/* Counts since the queue was opened. */
	uint64_t bytes;        /* bytes received */
	uint64_t bytes_copied; /* of these, bytes that a CPU copied, as far as the kernel tells */
	uint64_t completions;  /* completions that the kernel wrote */
	uint64_t refills_refused; /* refills that named no buffer of this client's */
	uint64_t starvations;     /* times that a stream, or the NIC, waited for buffers */
	uint64_t wakeups;         /* times that the daemon woke this client */
	uint64_t enters;          /* times that the daemon entered the kernel for the queue */
	const char *why_not;      /* why no better backend was given, or ""; dies with the queue */
	const char *why_lost;     /* why the queue is lost, or "" if nobody said; dies with it */
};

/* Fills the first info->size bytes. Returns 0, or -EINVAL for a size that is no version's. */
ZCRX_API int zcrx_queue_info(const struct zcrx_queue *q, struct zcrx_queue_info *info);

/*
 * The queue's descriptor, to be polled for POLLIN, level-triggered, and never read. It becomes
 * readable only if zcrx_reap() returned 0 and something has happened since. The queue owns it.
 */
ZCRX_API int zcrx_queue_fd(const struct zcrx_queue *q);

/*
 * Ends all flows of the queue, and frees them with it. When this returns nobody writes to the area
 * any more; if the connection was over already, the kernel may take a moment longer. q may be NULL.
 */
ZCRX_API void zcrx_queue_close(struct zcrx_queue *q);

/* ---- flows ---- */

#define ZCRX_FLOW_LISTEN       0x1u /* with zcrx_flow_adopt(): the socket listens */
#define ZCRX_FLOW_HOST         0x2u /* the socket is opened in the daemon's network namespace */
#define ZCRX_FLOW_RECEIVE_ONLY 0x4u /* with HOST: this process does not get the socket */

/*
 * Receives the stream of a connected TCP socket on the queue. With ZCRX_FLOW_LISTEN the socket is a
 * listening one, and the streams of all connections that it accepts are received; each arrives as
 * ZCRX_OPEN. The daemon gets a duplicate of sock. sock stays the caller's, who may send on it, shut
 * it down and close it. Nobody else may read or accept from it: what they take is missing from the
 * stream, or is a connection that the queue does not get. user comes back with each completion of
 * the flow. The queue owns *ret; zcrx_flow_close() frees it earlier. Returns 0 or a negative errno:
 * -EPROTOTYPE for anything but TCP over IPv4 or IPv6, -ENOTCONN, -EPROTONOSUPPORT for kTLS and
 * MPTCP, -EALREADY if the socket is adopted already, -EBADF if sock is not open, -EDQUOT, -EMLINK
 * if the connection has 65535 flows, -ENOMEM, -EMFILE, -EINVAL; if the queue is lost, also if no
 * zcrx_reap() has said so yet, the error of its ZCRX_LOST.
 */
ZCRX_API int zcrx_flow_adopt(struct zcrx_queue *q, struct zcrx_flow **ret, int sock, unsigned flags,
			     void *user);

/*
 * Opens a TCP socket, connects it (blocking, as connect(2) does; with HOST for two minutes at most)
 * and adopts it. flags: ZCRX_FLOW_HOST, ZCRX_FLOW_RECEIVE_ONLY. The flow owns the socket.
 * Returns what zcrx_flow_adopt, socket(2) and connect(2) return, -EPERM if HOST is not granted, and
 * -ECONNABORTED if zcrxd was killed or upgraded while it connected for HOST: ask again.
 */
ZCRX_API int zcrx_flow_connect(struct zcrx_queue *q, struct zcrx_flow **ret,
			       const struct sockaddr *to, socklen_t len, unsigned flags,
			       void *user);

/*
 * Opens a TCP socket, binds it (with SO_REUSEADDR), listens and adopts it. flags as for
 * zcrx_flow_connect(). The flow owns the socket. Connections arrive as ZCRX_OPEN; they have the
 * listener's user value until zcrx_flow_set_user() gives them one of their own.
 * Returns what zcrx_flow_adopt, socket(2), bind(2) and listen(2) return, and -EPERM if HOST is not
 * granted.
 */
ZCRX_API int zcrx_flow_listen(struct zcrx_queue *q, struct zcrx_flow **ret,
			      const struct sockaddr *at, socklen_t len, unsigned flags, void *user);

/*
 * Stops receiving (on = 1), or resumes it (on = 0). The peer sees TCP's window close; other flows
 * go on. Returns 0, or a negative errno: one of those of Blocking, above, -ENOTCONN, or -ENOENT if
 * the daemon does not have the flow any more.
 */
ZCRX_API int zcrx_flow_pause(struct zcrx_flow *f, int on);

/*
 * The flow's socket, to send on, never to read from: the adopted one, which is the caller's, or
 * that of an accepted or opened connection, which the flow owns and zcrx_flow_close() closes. -1
 * for a receive-only flow, and for a connection that came while this process could have no more
 * descriptors.
 */
ZCRX_API int zcrx_flow_socket(const struct zcrx_flow *f);

/*
 * The addresses of the stream, as getsockname(2) and getpeername(2) give them. *len: the room at
 * addr in bytes, and afterwards the length of the address; one that is longer than the room is cut.
 * Return 0, or -ENOTCONN if there is no address, as of the peer of a listener.
 */
ZCRX_API int zcrx_flow_local(const struct zcrx_flow *f, struct sockaddr *addr, socklen_t *len);
ZCRX_API int zcrx_flow_remote(const struct zcrx_flow *f, struct sockaddr *addr, socklen_t *len);

/*
 * Sets the value that comes with the flow's completions: with those that a later zcrx_reap() takes.
 * What it points to stays the caller's; the library never follows it.
 */
ZCRX_API void zcrx_flow_set_user(struct zcrx_flow *f, void *user);
/* The value that was set last. */
ZCRX_API void *zcrx_flow_user(const struct zcrx_flow *f);

#define ZCRX_CLOSE_ABORT 0x1u /* resets the connection; an adopted one only before ZCRX_END */

/*
 * Ends receiving and frees the flow. A socket that the flow owns is closed. Data of the flow that
 * was not reaped yet is recycled. Completions that were reaped stay valid until they are recycled,
 * but the flow that they name is gone. Connections that a listener had accepted still arrive as
 * ZCRX_OPEN, with the listener's user value. f may be NULL.
 */
ZCRX_API void zcrx_flow_close(struct zcrx_flow *f, unsigned flags);

/* ---- completions ---- */

enum zcrx_what {
	ZCRX_DATA = 1, /* len bytes are at off in the area; the caller's until recycled */
	ZCRX_OPEN =
		2,    /* flow is a new connection of a listener; its data comes with a later reap */
	ZCRX_END = 3, /* the flow's last completion; error 0: FIN, else a negative errno */
	/*
	 * The queue is lost, with its flows. Every reap says so from now on; only closing is left.
	 * All that was received before, data and ends, has been given out. error: -ECONNRESET if
	 * the pump or the connection is gone, -EPROTO if the pump broke the protocol, -ENOMEM or
	 * -ENOBUFS if this process had no memory for an event or a message, or the daemon's reason,
	 * such as -ESHUTDOWN. When zcrxd alone is killed no queue is lost, unless a call waits
	 * longer than its time for the next zcrxd.
	 */
	ZCRX_LOST = 4,
};

#define ZCRX_COPIED 0x1u /* DATA: a CPU copied these bytes */
#define ZCRX_SIDE   0x2u /* DATA: these bytes are in the side buffer: zcrx_data() */

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
 * Takes up to max completions into c. Never blocks. Returns how many were taken, never a negative
 * number. 0: there is nothing now, and zcrx_queue_fd() becomes readable when there is. With max 0
 * or less it returns 0 and looks for nothing. While as many DATA completions are out as the refill
 * ring has entries, no further one is given: recycle some and reap again, since zcrx_queue_fd()
 * does not become readable then.
 */
ZCRX_API int zcrx_reap(struct zcrx_queue *q, struct zcrx_completion *c, int max);

/*
 * Where this process can read the bytes of a DATA completion: in the area, or, if ZCRX_SIDE is set,
 * in the queue's side buffer, which holds what the NIC could not place in a dma-buf. NULL if the
 * area cannot be mapped. Valid until the completion is recycled.
 */
ZCRX_API const void *zcrx_data(const struct zcrx_queue *q, const struct zcrx_completion *c);

/*
 * Gives the buffers of the DATA completions among c[0] to c[n - 1] back, in any order; other
 * completions are ignored. Cannot fail. Each DATA completion has to be recycled once.
 */
ZCRX_API void zcrx_recycle(struct zcrx_queue *q, const struct zcrx_completion *c, int n);

/*
 * Waits until zcrx_reap() may have something, at most ms milliseconds (-1: without limit). Returns
 * 1 then, 0 if the time is over, or a negative errno (-EINTR). Costs less than to poll
 * zcrx_queue_fd(), which need not be readable after a wait that returned 1: call zcrx_reap().
 */
ZCRX_API int zcrx_wait(struct zcrx_queue *q, int ms);

#ifdef __cplusplus
}
#endif

#endif
