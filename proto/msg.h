/* SPDX-License-Identifier: MIT */
/*
 * The messages of the unix socket (docs/protocol.md is normative).
 *
 * One SOCK_SEQPACKET datagram is one message and its file descriptors. Two kinds of socket carry
 * them: the *control socket* a client connects to (requests and their replies, in order, one at a
 * time) and the *queue channel* that comes with every queue (events, one-byte wake-ups and kicks).
 *
 * MSG_REQUESTS and MSG_EVENTS are the grammar; the enum, the size asserts, the checker and the
 * daemon's dispatcher expand from them. Structs only ever grow at the end. All fields are native
 * endian, 8-byte aligned as a whole, padding is zero.
 */
#ifndef ZCRX_PROTO_MSG_H
#define ZCRX_PROTO_MSG_H

#include <assert.h>
#include <stdint.h>

#include "proto/addr.h"
#include "proto/backend.h"

#define MSG_VERSION    1u
#define MSG_BYTES_MAX  4096u
#define MSG_FDS_MAX    4u
#define MSG_TEXT_BYTES 240u /* of a sentence, its NUL included */

/* Requests have the numbers below it. */
#define MSG_FIRST_EVENT 64u

struct msg_hdr {
	uint32_t size; /* length of the whole datagram, a multiple of 8 */
	uint16_t type; /* enum msg_type; a reply repeats its request's */
	uint16_t nfds;
	uint32_t serial; /* chosen by the client, repeated in the reply; 0 marks an event */
	int32_t error;   /* 0, or a negative errno: then the message is a struct msg_fail */
};

struct msg_fail {
	struct msg_hdr hdr;
	uint32_t reason; /* enum reason, proto/reason.h */
	uint32_t detail; /* reserved: 0 */
	char text[MSG_TEXT_BYTES];
};

enum msg_format {
	MSG_FORMAT_BUFFER_ID = 1, /* entries of RING_CQE_FORMAT_1_BYTES, which name a buffer */
	MSG_FORMAT_ZCRX = 2,      /* entries of struct ring_cqe, which name an offset */
};

enum msg_area_kind {
	MSG_AREA_MEMFD = 1,
	MSG_AREA_DMABUF = 2,
	MSG_AREA_UDMABUF = 3, /* a memfd, of which the daemon makes a dma-buf */
};

#define MSG_QUEUE_NO_COPY     0x1u /* refuse rather than fall back to the copy backend */
#define MSG_FLOW_LISTEN       0x1u /* the socket listens: its connections become flows */
#define MSG_FLOW_RECEIVE_ONLY 0x2u /* FLOW_HOST: no socket is handed out */
#define MSG_CLOSE_ABORT       0x1u /* FLOW_CLOSE: reset the connection */

struct msg_hello {
	struct msg_hdr hdr;
	uint16_t version_min;
	uint16_t version_max;
	uint32_t pad;
	uint64_t features;
	char name[32]; /* for display only */
};

struct msg_hello_reply {
	struct msg_hdr hdr;
	uint16_t version;
	uint16_t pad;
	uint32_t page_bytes;
	uint64_t features; /* the features that both sides have */
	uint64_t max_area_bytes;
	uint32_t max_queues;
	uint32_t max_flows;
	char server[32];
};

struct msg_area_add {
	struct msg_hdr hdr; /* comes with the area's descriptor */
	uint32_t kind;      /* enum msg_area_kind */
	uint32_t flags;     /* 0 */
	uint64_t length;    /* bytes, a multiple of page_bytes */
};

struct msg_area_add_reply {
	struct msg_hdr hdr;
	uint32_t area_id;
	uint32_t pad;
};

struct msg_area_del {
	struct msg_hdr hdr;
	uint32_t area_id;
	uint32_t pad;
};

struct msg_queue_open {
	struct msg_hdr hdr;
	uint32_t area_id;
	uint32_t backend;    /* enum msg_backend, proto/backend.h */
	uint32_t flags;      /* MSG_QUEUE_* */
	uint32_t cq_entries; /* 0 in this and the next three fields: the daemon chooses */
	uint32_t rq_entries;
	uint32_t buffer_bytes;
	uint32_t rx_queues;
	uint32_t pad;
	char nic[16];
};

/* The layout of the queue's shared memory. Places are in bytes from the start of their mapping. */
struct msg_rings {
	uint32_t cq_map_bytes;
	uint32_t cq_tail; /* u32, written by the kernel */
	uint32_t cq_cqes;
	uint32_t cq_entries;  /* a power of two */
	uint32_t cqe_bytes;   /* stride */
	uint32_t daemon_page; /* struct ring_daemon, in the cq memfd */
	uint32_t rq_map_bytes;
	uint32_t client_page; /* struct ring_client, in the rq memfd */
	uint32_t rq_head;     /* u32, refills taken, written by the kernel or the daemon */
	uint32_t rq_tail;     /* u32, written by the client */
	uint32_t rq_rqes;
	uint32_t rq_entries;     /* a power of two */
	uint32_t rqe_bytes;      /* stride */
	uint32_t side_map_bytes; /* 0: no side buffer, and no fd for it */
	uint32_t side_slot_bytes;
	uint32_t pad;
};

struct msg_queue_open_reply {
	struct msg_hdr hdr; /* comes with cq (read-only), rq, channel; side if side_map_bytes */
	uint32_t queue_id;
	uint32_t backend; /* the backend that the queue has */
	uint32_t format;  /* enum msg_format */
	uint32_t buffer_bytes;
	uint32_t ifindex; /* 0: any interface */
	uint32_t rxq;
	uint64_t area_token; /* the client ors it into the offset of every refill entry */
	struct msg_rings rings;
	uint32_t why_not; /* enum reason: why no better backend; 0: there is none better */
	uint32_t pad;
	char why_text[MSG_TEXT_BYTES];
};

struct msg_queue_close {
	struct msg_hdr hdr;
	uint32_t queue_id;
	uint32_t pad;
};

struct msg_flow_adopt {
	struct msg_hdr hdr; /* comes with the socket */
	uint32_t queue_id;
	uint32_t flags; /* MSG_FLOW_LISTEN */
};

struct msg_flow_host {
	struct msg_hdr hdr;
	uint32_t queue_id;
	uint32_t flags;      /* MSG_FLOW_LISTEN, MSG_FLOW_RECEIVE_ONLY */
	uint32_t backlog;    /* of a listening socket; 0: the daemon chooses */
	uint32_t timeout_ms; /* for connecting; 0: the daemon chooses */
	struct msg_addr local;
	struct msg_addr remote;
};

/* Answers FLOW_ADOPT and FLOW_HOST. */
struct msg_flow_reply {
	struct msg_hdr hdr; /* of FLOW_HOST: comes with the socket, unless it is receive-only */
	uint32_t flow_id;
	uint32_t pad;
	struct msg_addr local;
	struct msg_addr remote;
};

struct msg_flow_pause {
	struct msg_hdr hdr;
	uint32_t flow_id;
	uint32_t on;
};

struct msg_flow_close {
	struct msg_hdr hdr;
	uint32_t flow_id;
	uint32_t flags; /* MSG_CLOSE_ABORT */
};

/* A reply that carries nothing. */
struct msg_ok {
	struct msg_hdr hdr;
};

struct msg_flow_opened {
	struct msg_hdr hdr; /* comes with the socket, unless the listener is receive-only */
	uint32_t queue_id;
	uint32_t listener_id;
	uint32_t flow_id;
	uint32_t pad;
	struct msg_addr local;
	struct msg_addr remote;
};

struct msg_flow_closed {
	struct msg_hdr hdr;
	uint32_t queue_id;
	uint32_t flow_id;
	int32_t error; /* 0: the peer sent FIN */
	uint32_t reason;
	uint32_t cq_pos; /* the end comes after every completion before this position */
	uint32_t pad;
	uint64_t bytes;
	uint64_t bytes_copied;
	char text[128];
};

struct msg_queue_lost {
	struct msg_hdr hdr;
	uint32_t queue_id;
	int32_t error;
	uint32_t reason;
	uint32_t pad;
	char text[MSG_TEXT_BYTES];
};

/*
 * The grammar. Of a request: NAME, number, its struct and how many descriptors come with it (at
 * least, at most), the struct of the reply and how many come with that, the state of a connection
 * that it is allowed in. The daemon's handler of a request is called on_ and the name of its struct
 * (daemon/pump/request.c).
 */
#define MSG_REQUESTS(X)                                                           \
	X(HELLO, 1, msg_hello, 0, 0, msg_hello_reply, 0, 0, NEW)                  \
	X(AREA_ADD, 2, msg_area_add, 1, 1, msg_area_add_reply, 0, 1, READY)       \
	X(AREA_DEL, 3, msg_area_del, 0, 0, msg_ok, 0, 0, READY)                   \
	X(QUEUE_OPEN, 4, msg_queue_open, 0, 0, msg_queue_open_reply, 3, 4, READY) \
	X(QUEUE_CLOSE, 5, msg_queue_close, 0, 0, msg_ok, 0, 0, READY)             \
	X(FLOW_ADOPT, 6, msg_flow_adopt, 1, 1, msg_flow_reply, 0, 0, READY)       \
	X(FLOW_HOST, 7, msg_flow_host, 0, 0, msg_flow_reply, 0, 1, READY)         \
	X(FLOW_PAUSE, 8, msg_flow_pause, 0, 0, msg_ok, 0, 0, READY)               \
	X(FLOW_CLOSE, 9, msg_flow_close, 0, 0, msg_ok, 0, 0, READY)

/* Of an event: NAME, number, its struct, how many descriptors come with it. */
#define MSG_EVENTS(X)                             \
	X(FLOW_OPENED, 64, msg_flow_opened, 0, 1) \
	X(FLOW_CLOSED, 65, msg_flow_closed, 0, 0) \
	X(QUEUE_LOST, 66, msg_queue_lost, 0, 0)

enum msg_type {
#define X(name, number, ...) MSG_##name = number,
	MSG_REQUESTS(X) MSG_EVENTS(X)
#undef X
};

#define MSG_FITS(s) (sizeof(struct s) % 8 == 0 && sizeof(struct s) <= MSG_BYTES_MAX)
#define X(name, number, request, least, most, reply, reply_least, reply_most, state)             \
	static_assert(MSG_FITS(request) && least <= most && most <= MSG_FDS_MAX &&               \
			      number < MSG_FIRST_EVENT,                                          \
		      #name);                                                                    \
	static_assert(MSG_FITS(reply) && reply_least <= reply_most && reply_most <= MSG_FDS_MAX, \
		      #name);
MSG_REQUESTS(X)
#undef X
#define X(name, number, event, least, most)                                      \
	static_assert(MSG_FITS(event) && least <= most && most <= MSG_FDS_MAX && \
			      number >= MSG_FIRST_EVENT,                         \
		      #name);
MSG_EVENTS(X)
#undef X
#undef MSG_FITS
static_assert(sizeof(struct msg_hdr) == 16 && sizeof(struct msg_fail) == 264 &&
		      sizeof(struct msg_rings) == 64,
	      "wire");

/* Room for any message, aligned for all of them. */
union msg_any {
	struct msg_hdr hdr;
	struct msg_fail fail;
	struct msg_hello hello;
	struct msg_hello_reply hello_reply;
	struct msg_area_add area_add;
	struct msg_area_add_reply area_add_reply;
	struct msg_area_del area_del;
	struct msg_queue_open queue_open;
	struct msg_queue_open_reply queue_open_reply;
	struct msg_queue_close queue_close;
	struct msg_flow_adopt flow_adopt;
	struct msg_flow_host flow_host;
	struct msg_flow_reply flow_reply;
	struct msg_flow_pause flow_pause;
	struct msg_flow_close flow_close;
	struct msg_flow_opened flow_opened;
	struct msg_flow_closed flow_closed;
	struct msg_queue_lost queue_lost;
	uint64_t words[MSG_BYTES_MAX / 8];
};

/* What a receiver expects. Each state is a bit. */
enum msg_state {
	MSG_STATE_NEW = 1,   /* a request, before HELLO was answered */
	MSG_STATE_READY = 2, /* a request, after HELLO was answered */
	MSG_STATE_EVENT = 4, /* an event, which the client receives on a queue channel */
};

/*
 * Checks a request, or in state EVENT an event, of len bytes that came with nfds descriptors. *m
 * must be zero behind len. A message may be longer than its struct if the bytes behind the struct
 * are zero. Returns 0, or a negative errno with *ret_reason set.
 */
int msg_check(const union msg_any *m, uint32_t len, uint32_t nfds, enum msg_state state,
	      uint32_t *ret_reason);

/*
 * Checks the reply to a request of the given type and serial, in the same way. The number of
 * descriptors must be one that the table allows; whether it is right for this very request, the
 * caller knows. A refusal (struct msg_fail) is well-formed, too: then 0 is returned and hdr.error
 * is negative.
 */
int msg_check_reply(const union msg_any *m, uint32_t len, uint32_t nfds, uint16_t type,
		    uint32_t serial);

/*
 * The size in bytes of the reply to a request that is granted. An unknown request has that of a
 * header.
 */
uint32_t msg_reply_bytes(uint16_t type);

/* The name of a message type, "?" if it is unknown. */
const char *msg_name(uint16_t type);

#endif
