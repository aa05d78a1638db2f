/* SPDX-License-Identifier: MIT */
/*
 * The link between the broker (zcrxd) and one pump (zcrx-pump): a SOCK_SEQPACKET pair, one datagram
 * a message, with the header and the descriptors of proto/wire.h.
 *
 * LINK_TABLE is the grammar; the numbers, the size asserts, the checker and the handlers of both
 * sides expand from it.
 *
 * After an upgrade a broker serves pumps of the release before. While a package is being installed,
 * or if the upgrade is taken back, a broker serves pumps of the next release. So
 * - structs only grow at the end. The receiver of a shorter message takes the missing fields as 0,
 *   so 0 has to mean how it was before there was the field. It ignores the end of a longer message;
 * - a message that the receiver does not know is answered with EOPNOTSUPP, or ignored if it is
 * told;
 * - what a message means stays as it is. If that cannot be, link_oldest is raised.
 *
 * START says which versions the broker understands. If the pump's is not among them, or the
 * broker's is too old for the pump, the pump asks that broker nothing. The client's streams go on,
 * but it gets nothing new, and what it had stays charged until it leaves or a broker comes that the
 * pump can ask.
 *
 * A pump parses what its client sends, and may have been taken over: the broker judges each message
 * as if a hostile program had sent it.
 *
 * Descriptors go from the broker to the pump only. If a request of the pump's is about descriptors,
 * the pump keeps them until the broker tells it to send them to a hand (LINK_GIVE).
 */
#ifndef ZCRXD_LINK_H
#define ZCRXD_LINK_H

#include <assert.h>
#include <stdbool.h>
#include <stdint.h>

#include "policy/limits.h"
#include "policy/range.h"
#include "proto/msg.h"

#define LINK_NAME_BYTES 32
#define LINK_TEXT_BYTES 240
#define LINK_RANGES_MAX 128u /* with one message */
#define LINK_RULES_MAX  16u  /* of one STEER */
#define LINK_RXQS_MAX   16u
#define LINK_AMOUNTS    16u
#define LINK_FILES_MAX  64u

/* Raised when a struct grows or a message is added. */
extern const uint32_t link_version;
/* The oldest version of the other side that can be understood. */
extern const uint32_t link_oldest;

struct link_nothing {
	struct msg_hdr hdr;
};

/* The first message: for whom the pump is. */
struct link_start {
	struct msg_hdr hdr;
	uint32_t version;
	uint32_t client; /* its number */
	int32_t pid;
	uint32_t uid, gid;
	uint32_t verbose;
	uint32_t leases; /* 1: there are NICs whose queues can be leased */
	uint32_t oldest; /* the broker's link_oldest */
	char socket[LINK_NAME_BYTES];
	char class[LINK_NAME_BYTES];
	char zcrx_refused[LINK_TEXT_BYTES]; /* why nobody gets zcrx on this kernel, or "" */
};

/*
 * What the client's class allows, so that the pump can refuse a request at once and say why. The
 * broker judges again what it is asked for. A class with many ranges takes several messages in a
 * row.
 */
struct link_class {
	struct msg_hdr hdr;
	uint32_t nobody; /* 1: the client is not of its class any more: it gets nothing new */
	uint32_t backends, host, udmabuf;
	uint32_t nics;                        /* of how many NICs it may lease queues */
	uint32_t ranges_local, ranges_remote; /* of all messages in the row */
	uint32_t given;                       /* zcrxd.conf has: bit 0: local, bit 1: remote */
	struct limits limits;
	uint32_t orphan_seconds;
	uint32_t policy;   /* number of the policy that the class is of; CLASSED repeats it */
	uint32_t first, n; /* this message has n ranges, from the range `first` on; local ones
			      come before remote ones */
	struct range ranges[LINK_RANGES_MAX];
};

/* CHARGE: the client is to have n more of a kind (enum account_kind). RELEASE: it has n less. */
struct link_amount {
	struct msg_hdr hdr;
	uint32_t kind, pad;
	uint64_t n;
};

/*
 * REQUESTS: n requests of the client's; the reply says how many of them are within its rate.
 * FLIGHT, LANDED: n descriptors that the client is sent, or has read. CLASSED: CLASS was read, n is
 * its `policy`.
 */
struct link_count {
	struct msg_hdr hdr;
	uint32_t n, pad;
};

/* FILE: a memfd of so many bytes is charged. UDMABUF: a dma-buf is made of a memfd's first bytes.
 */
struct link_bytes {
	struct msg_hdr hdr; /* the pump gives the memfd */
	uint64_t bytes;
};

/*
 * The broker makes a memfd and charges it. With the reply come two descriptors: one for reading and
 * writing, one for reading only.
 */
struct link_memory {
	struct msg_hdr hdr;
	uint64_t bytes;
	uint32_t what; /* enum file_kind */
	uint32_t pad;
};

/* A line for the log, without the client's name: enum log_cause, syslog's priority. */
struct link_log {
	struct msg_hdr hdr;
	uint32_t cause, priority;
	char line[512];
};

/*
 * The broker is to open a socket of its own network namespace. The pump has had a flow, or a
 * listener, charged for it.
 */
struct link_host {
	struct msg_hdr hdr;
	uint32_t flags; /* MSG_FLOW_LISTEN, MSG_FLOW_RECEIVE_ONLY */
	uint32_t backlog;
	uint32_t towards; /* 1: it is bound to the local address that packets to `remote` have */
	uint32_t id;      /* HOST_OPEN: the number of the socket from now on; the pump has no
			     other socket of this number */
	struct msg_addr local, remote;
};

/*
 * To HOST_OPEN. The broker keeps the socket until it is connected (HOST_CONNECT) or the pump wants
 * it no more (HOST_END).
 */
struct link_host_reply {
	struct msg_hdr hdr;
	struct msg_addr local; /* the address that it is bound to; family 0: it is not bound yet */
};

struct link_lease {
	struct msg_hdr hdr;
	uint32_t lease;   /* its number from now on; the pump has no other lease of this number */
	uint32_t n;       /* how many queues */
	uint32_t backend; /* enum msg_backend */
	uint32_t pad;
	char nic[16]; /* of this NIC; "": of any */
};

struct link_lease_reply {
	struct msg_hdr hdr; /* with an error: text */
	uint32_t ifindex, n;
	uint32_t rxqs[LINK_RXQS_MAX];
	char nic[16];
	char text[LINK_TEXT_BYTES];
};

/* Rules are to be set that bring a socket's packets to the lease's queues. */
struct link_steer {
	struct msg_hdr hdr; /* the pump gives the socket, unless the broker has it (host) */
	uint32_t lease;
	uint32_t rule; /* the number of the first rule; the others get the next numbers */
	uint32_t host; /* the number of a socket of HOST_OPEN; 0: it is another socket */
	uint32_t pad;
};

/* How many rules were set, and for which local addresses. 0 and a sentence: none was set. */
struct link_steer_reply {
	struct msg_hdr hdr;
	uint32_t n, each; /* each 1: the listener cannot be steered, its connections can */
	struct msg_addr locals[LINK_RULES_MAX];
	char text[LINK_TEXT_BYTES];
};

struct link_rule {
	struct msg_hdr hdr;
	uint32_t lease, rule;
};

/*
 * rule 0: the lease is lost, for this reason. Otherwise a rule of the lease's brings no packets any
 * more, as the text says; or, if the text is "", it brings them again.
 */
struct link_news {
	struct msg_hdr hdr;
	uint32_t lease, reason;
	uint32_t rule, pad;
	char text[LINK_TEXT_BYTES];
};

/* The lease's queue is to be registered on a ring of the pump's that is not enabled yet. */
struct link_zcrx {
	struct msg_hdr hdr; /* the pump gives the memory of the refills, then the area */
	uint32_t lease;
	int32_t ring; /* the pump's descriptor */
	uint32_t rq_entries, chunk_bytes;
	uint64_t rq_offset, rq_bytes; /* of the refill ring in its memory */
	uint64_t area_bytes;
	uint32_t dmabuf; /* 1: the area is a dma-buf, 0: a memfd */
	uint32_t events; /* 1: the kernel is to tell when it finds no buffers, and to count */
	uint64_t event_data, stats_offset; /* stats: in the refill ring */
};

struct link_zcrx_reply {
	struct msg_hdr hdr;
	uint32_t id, head, tail, rqes;
	uint64_t token;
	char text[LINK_TEXT_BYTES]; /* of an error that is not the kernel's; or "" */
};

/* The lease's queues are to be bound to a dma-buf. */
struct link_devmem {
	struct msg_hdr hdr; /* the pump gives the dma-buf */
	uint32_t lease, pad;
};

struct link_devmem_reply {
	struct msg_hdr hdr; /* with it comes the netlink socket: closing it ends the binding */
	uint32_t id, pad;   /* of the binding */
	char text[LINK_TEXT_BYTES]; /* of an error that is not the kernel's; or "" */
};

/*
 * The number of a lease (LEASE_END), of a socket of HOST_OPEN (HOST_CONNECT, HOST_END), or of a
 * dma-buf, which the reply to UDMABUF says. KEEP: the pump has deleted the area of this dma-buf; it
 * stays charged while the client has it.
 */
struct link_id {
	struct msg_hdr hdr;
	uint32_t id, pad;
};

/* Who holds a queue of a NIC? The reply's text says it. */
struct link_holder {
	struct msg_hdr hdr;
	uint32_t rxq, pad;
	char nic[16];
};

/* To HOLDER: "" is nobody, as far as that can be seen. To what is charged: why it is refused. */
struct link_text {
	struct msg_hdr hdr;
	char text[LINK_TEXT_BYTES];
};

/*
 * The pump is to send the descriptors of its request with this serial by the socket that comes with
 * this message, whose other end a hand has.
 */
struct link_give {
	struct msg_hdr hdr;
	uint32_t serial, pad;
};

/* Tells a broker that took the pump over which files of memory are charged. */
struct link_files {
	struct msg_hdr hdr; /* the pump gives the memfds */
	uint32_t n, pad;
	uint64_t bytes[LINK_FILES_MAX];
};

/* Tells a broker that took the pump over what the pump has been charged. */
struct link_have {
	struct msg_hdr hdr;
	uint64_t amounts[LINK_AMOUNTS]; /* by enum account_kind */
	uint32_t in_flight, pad;
};

/*
 * The columns:
 * - NAME, and the name of its handler: on_handler();
 * - its number;
 * - the struct of the message, and that of the reply;
 * - how many descriptors it has, at least and at most. They come with a message of the broker's. A
 *   pump sends those of its message to a hand (GIVE);
 * - how many descriptors come with the reply at most;
 * - who sends it, and whether it is answered;
 * - SLOW: to carry it out the broker may need long, and does so on another thread. What is about
 * one lease is done in order;
 * - what a pump's message costs the broker, its hand and the kernel at most, in parts of 10 us of a
 *   processor's time; see link_cost(). To give back is cheap: it was paid for with what is given
 *   back.
 */
#define LINK_TABLE(X)                                                                          \
	X(START, start, 1, link_start, link_nothing, 0, 0, 0, BROKER_TELLS, QUICK, 0)          \
	X(CLASS, class, 2, link_class, link_nothing, 0, 0, 0, BROKER_TELLS, QUICK, 0)          \
	X(STOP, stop, 3, link_nothing, link_nothing, 0, 0, 0, BROKER_TELLS, QUICK, 0)          \
	X(NEWS, news, 5, link_news, link_nothing, 0, 0, 0, BROKER_TELLS, QUICK, 0)             \
	X(GIVE, give, 6, link_give, link_nothing, 1, 1, 0, BROKER_TELLS, QUICK, 0)             \
	X(CHARGE, charge, 16, link_amount, link_text, 0, 0, 0, PUMP_ASKS, QUICK, 1)            \
	X(RELEASE, release, 17, link_amount, link_nothing, 0, 0, 0, PUMP_TELLS, QUICK, 1)      \
	X(REQUESTS, requests, 18, link_count, link_count, 0, 0, 0, PUMP_ASKS, QUICK, 1)        \
	X(FILE, file, 19, link_bytes, link_text, 1, 1, 0, PUMP_ASKS, QUICK, 16)                \
	X(FLIGHT, flight, 20, link_count, link_nothing, 0, 0, 0, PUMP_ASKS, QUICK, 1)          \
	X(LANDED, landed, 21, link_count, link_nothing, 0, 0, 0, PUMP_TELLS, QUICK, 1)         \
	X(LOG, log, 22, link_log, link_nothing, 0, 0, 0, PUMP_TELLS, QUICK, 1)                 \
	X(CLASSED, classed, 23, link_count, link_nothing, 0, 0, 0, PUMP_TELLS, QUICK, 1)       \
	X(OVER, over, 24, link_nothing, link_nothing, 0, 0, 0, PUMP_TELLS, QUICK, 1)           \
	X(HOST_LISTEN, host_listen, 25, link_host, link_nothing, 0, 0, 1, PUMP_ASKS, QUICK, 4) \
	X(HOST_OPEN, host_open, 40, link_host, link_host_reply, 0, 0, 0, PUMP_ASKS, QUICK, 4)  \
	X(HOST_CONNECT, host_connect, 41, link_id, link_nothing, 0, 0, 1, PUMP_ASKS, QUICK, 4) \
	X(HOST_END, host_end, 42, link_id, link_nothing, 0, 0, 0, PUMP_TELLS, QUICK, 1)        \
	X(UDMABUF, udmabuf, 26, link_bytes, link_id, 1, 1, 1, PUMP_ASKS, QUICK, 16)            \
	X(KEEP, keep, 27, link_id, link_nothing, 0, 0, 0, PUMP_TELLS, QUICK, 1)                \
	X(HAVE, have, 28, link_have, link_nothing, 0, 0, 0, PUMP_TELLS, QUICK, 1)              \
	X(HAVE_FILE, have_file, 29, link_files, link_nothing, 1, 64, 0, PUMP_ASKS, QUICK, 16)  \
	X(MEMORY, memory, 30, link_memory, link_text, 0, 0, 2, PUMP_ASKS, SLOW, 16)            \
	X(LEASE, lease, 32, link_lease, link_lease_reply, 0, 0, 0, PUMP_ASKS, SLOW, 64)        \
	X(LEASE_END, lease_end, 33, link_id, link_nothing, 0, 0, 0, PUMP_ASKS, SLOW, 4)        \
	X(STEER, steer, 34, link_steer, link_steer_reply, 0, 1, 0, PUMP_ASKS, QUICK, 24)       \
	X(UNSTEER, unsteer, 35, link_rule, link_nothing, 0, 0, 0, PUMP_ASKS, SLOW, 4)          \
	X(ZCRX, zcrx, 36, link_zcrx, link_zcrx_reply, 2, 2, 0, PUMP_ASKS, QUICK, 16)           \
	X(HOLDER, holder, 38, link_holder, link_text, 0, 0, 0, PUMP_ASKS, SLOW, 256)           \
	X(DEVMEM, devmem, 37, link_devmem, link_devmem_reply, 1, 1, 1, PUMP_ASKS, QUICK, 16)

enum link_type {
#define X(name, handler, number, ...) LINK_##name = number,
	LINK_TABLE(X)
#undef X
};

enum link_who {
	LINK_BROKER_TELLS,
	LINK_PUMP_TELLS,
	LINK_PUMP_ASKS, /* and gets one reply, which has the request's serial */
};

/* Room for any message, aligned for all of them. */
union link_any {
	union msg_any any;
	struct msg_hdr hdr;
#define X(name, handler, number, request, reply, ...) struct request as_##name;
	LINK_TABLE(X)
#undef X
#define X(name, handler, number, request, reply, ...) struct reply re_##name;
	LINK_TABLE(X)
#undef X
};

#define X(name, handler, number, request, reply, least, most, back, who, pace, cost)            \
	static_assert(sizeof(struct request) % 8 == 0 && sizeof(struct reply) % 8 == 0, #name); \
	static_assert(least <= most && most <= LINK_FILES_MAX && back <= MSG_FDS_MAX, #name);   \
	static_assert(((cost) > 0) == (LINK_##who != LINK_BROKER_TELLS), #name);
LINK_TABLE(X)
#undef X
static_assert(LINK_FILES_MAX == 64, "as the table says");
static_assert(ACCOUNT_KINDS <= LINK_AMOUNTS, "each kind has an amount");
static_assert(LIMITS_SAID_BYTES == LINK_TEXT_BYTES, "a sentence fits");
static_assert(sizeof(union link_any) == MSG_BYTES_MAX, "a message has room in a datagram");

/*
 * Is this message of len bytes with nfds descriptors what that side may send? m is zero behind len.
 * Returns 0, -EOPNOTSUPP if another release may know it, or -EBADMSG. Pure.
 */
int link_check(const union link_any *m, uint32_t len, uint32_t nfds, bool from_pump);

/* The same for the reply to a request of this type. */
int link_check_reply(const union link_any *m, uint32_t len, uint32_t nfds, uint16_t type);

/*
 * What a message of a pump's costs: the table's cost, and that of the memory that is made (zeros)
 * or pinned for it. LINK_COST_HAND is the cost of a process for it, if one is started. Pure; *m was
 * checked, or is of a type that nobody knows.
 */
#define LINK_COST_HAND 48u
#define LINK_COST_MAX  16384u
uint32_t link_cost(const union link_any *m);

bool link_is_asked(uint16_t type);
bool link_is_slow(uint16_t type);
uint32_t link_bytes(uint16_t type);
/* How many descriptors a pump gives to a hand for it at most. */
uint32_t link_given(uint16_t type);
uint32_t link_reply_bytes(uint16_t type);

#endif
