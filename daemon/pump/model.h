/* SPDX-License-Identifier: MIT */
/*
 * What one client has: data only. The modules that work on it stand above one another and call
 * downwards:
 *
 *   client      the thread: starts, turns, winds up
 *   session     reads requests
 *   request     what each does: open, host, close      judge   what its class may do
 *   pending     a request that is not answered yet     reply   what the client is told
 *   control_turn   what accept and connect came to
 *   turn        a queue's turn      tally   what it counts      schedule   when it is
 *   queue       a queue's beginning and end            life    the states in between
 *   listener    what listening sockets accept
 *   flow        a stream's life                        steer   which packets come to it
 *   channel     what the client is told of a queue     operation, control   the kernel's work
 *   flows       ids and lists
 *
 * All of it belongs to the client's thread, which changes the structure only under client.lock, and
 * never holds that across a system call on anything of the client's: so the control thread may take
 * it to report status.
 */
#ifndef ZCRXD_MODEL_H
#define ZCRXD_MODEL_H

#include <liburing.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/queue.h>
#include <sys/socket.h>
#include <sys/types.h>

#include "daemon/backend/area.h"
#include "daemon/backend/backend.h"
#include "daemon/backend/rings.h"
#include "daemon/common/loop.h"
#include "daemon/common/uring.h"
#include "daemon/common/work.h"
#include "daemon/grant/account.h"
#include "daemon/pump/schedule.h"
#include "policy/policy.h"
#include "proto/msg.h"

struct classes;
struct client;
struct flight;
struct queue;
struct opening;
struct pending_kind;
struct lease;
struct side;
struct steering;

TAILQ_HEAD(client_list, client);
TAILQ_HEAD(flow_list, flow);

/*
 * A flow: one TCP stream on a queue, or a listening socket whose connections become flows.
 *
 *   OPENING ---> IDLE <---> ARMED ---> ENDED
 *      |          |           |          |
 *      +----------+--- DEAD <-+----------+
 *
 * OPENING: being connected, or not yet announced. ARMED: an operation of the kernel's is under way,
 * and only its last completion leaves this state. ENDED: the stream is over and the socket dropped;
 * the client has yet to close the flow. DEAD: gone for the client; the id stays taken until the CQ
 * holds no completion of it any more.
 */
enum flow_state {
	FLOW_OPENING,
	FLOW_IDLE,
	FLOW_ARMED,
	FLOW_ENDED,
	FLOW_DEAD
};

/* What a socket wakes its thread for. */
enum flow_wait {
	FLOW_WAIT_NONE,
	FLOW_WAIT_CONTROL,
	FLOW_WAIT_DATA
};

struct flow {
	TAILQ_ENTRY(flow) link;    /* of its queue */
	TAILQ_ENTRY(flow) waiting; /* for buffers, CQ room or a nudge, or dead and for its end */
	TAILQ_ENTRY(flow) news;    /* to be told to the client */
	struct queue *queue;
	uint32_t id;
	enum flow_state state; /* written atomically: status reads it */
	int sock;
	enum flow_wait watched;
	struct source source; /* FLOW_WAIT_DATA's */
	bool listener, receive_only;
	bool limited; /* the socket's buffer, by us */
	bool paused;  /* likewise */
	bool closing, abort, cancelling;
	bool drain;                 /* what comes next goes to the side buffer */
	bool draining;              /* armed for that */
	uint8_t stuck;              /* receives in a row that moved nothing */
	struct flow_list *waits_on; /* the queue's list that `waiting` is linked in */
	bool is_news;
	uint64_t cookie;              /* SO_COOKIE: the socket's identity; 0: none */
	LIST_ENTRY(flow) same_bucket; /* of client.sockets, if it has a cookie */
	struct msg_addr local, remote;
	uint32_t listener_id;   /* of an accepted flow */
	struct flow *accepting; /* a listener's next flow, charged before it is accepted */
	int error;              /* of the end */
	uint32_t reason;
	uint32_t end; /* CQ position */
	uint64_t bytes, bytes_copied;
	uint64_t copied_row; /* while steered: bytes since the last that were not copied */
	uint64_t noted_ns;   /* when it brought data, while it waits on `fresh` */
	uint64_t taken;      /* from the socket before the first of them: socket_taken() */
	struct backend_stream *stream; /* joined, or NULL; then the socket is kept open */
	struct steering *steering;     /* to the leased hardware queue, or NULL */
	/* Why its packets do not come there, or NULL; a constant, which status reads, too. */
	const char *_Atomic why_copied;
};

static inline enum flow_state flow_state(const struct flow *f)
{
	return __atomic_load_n(&f->state, __ATOMIC_RELAXED);
}

static inline bool flow_is_paused(const struct flow *f)
{
	return __atomic_load_n(&f->paused, __ATOMIC_RELAXED);
}

/* The states of a queue's life, which life.h draws. */
enum life {
	LIFE_MADE,
	LIFE_RUNNING,
	LIFE_CLOSING,
	LIFE_QUIET,
	LIFE_LEAVING,
	LIFE_GONE
};

/* Why a queue is lost. */
struct loss {
	int error;
	uint32_t reason;
	const char *text; /* a sentence that is more exact than the reason's, or NULL; a constant */
};

/* A queue: one io_uring that receives into one area. */
struct queue {
	TAILQ_ENTRY(queue) link;
	struct client *client;
	uint32_t id;
	struct area *area;
	struct backend *backend;  /* NULL: it is not open, or is closed again */
	const char *backend_name; /* a constant; status reads it, whether the backend is open */
	uint32_t buffer_bytes;
	struct lease *lease; /* of a hardware queue, or NULL */
	uint64_t untold;     /* of backend_ops->copied(): what was shared out among the flows */
	bool copies_untold;  /* there is no telling what was copied */
	bool rows;           /* some flow had a copied_row */
	char why_not[MSG_TEXT_BYTES]; /* why no better backend was given, "" */
	struct uring ring;
	struct rings rings;
	struct side *side;      /* or NULL */
	uint32_t head, scanned; /* CQ: given back to the kernel, seen by us */
	uint32_t kick;          /* last value of the kick word */

	int channel;
	struct flight *flight; /* on it */
	bool wake_owed;        /* a wake-up could not be sent */
	struct source channel_source, ring_source;
	struct flow_list flows, waiting, news;
	struct flow_list dead;       /* in the order of their ends */
	struct flow_list owed;       /* dead, too, and past that */
	struct flow_list fresh;      /* armed, and to be nudged */
	uint32_t flow_count, shares; /* of flows; and into how many the area is cut for them */
	bool listeners_wait;         /* for the news to be told: then they accept again */
	struct schedule schedule;
	bool kicked; /* there may be kicks to read */
	bool held;   /* completions wait for room that the client has to make */

	enum life life;
	struct loss lost;      /* what to tell the client in the end; error 0: nothing */
	struct work work;      /* lets go of the hardware */
	struct lease *leaving; /* the lease that the work lets go of, or NULL */
};

/* Its last turn comes, or is over. */
static inline bool queue_is_closing(const struct queue *q)
{
	return q->life >= LIFE_CLOSING;
}

/* A request that is not answered yet: pending.h. */
struct pending {
	const struct pending_kind *kind; /* NULL: there is none */
	struct msg_hdr request;
	union {
		struct opening *opening;   /* QUEUE_OPEN: what has come of it so far */
		struct connecting {        /* FLOW_HOST */
			struct flow *flow; /* in no list yet */
			bool is_over;
			int result;
			struct sockaddr_storage to;    /* the operation points to it */
			struct __kernel_timespec time; /* likewise */
		} connecting;
		uint32_t queue_id; /* QUEUE_CLOSE */
		struct {           /* FLOW_CLOSE of a listener */
			uint32_t id;
			uint64_t until_ns;
		} listener;
	};
};

/* The control socket. */
struct session {
	int sock;
	struct flight *flight; /* on it */
	struct source source;
	enum msg_state state;
	char name[32]; /* read by others under the client's lock */
	struct pending pending;
	union msg_any reply; /* being made */
	int reply_fds[MSG_FDS_MAX];
	bool unsent; /* the reply is to be sent again */
	/* Then the client is given up, if it still reads nothing; 0: it is not held. */
	uint64_t held_until_ns;
};

struct flow_slot {
	struct flow *flow; /* NULL: the slot is free */
	uint16_t generation;
	uint32_t next; /* free one */
};

LIST_HEAD(flow_bucket, flow);

/* All of it from the kernel and from the socket that was connected to. */
struct client_identity {
	pid_t pid;
	uid_t uid;
	gid_t gid;
	struct user *user;
	char socket[POLICY_NAME_BYTES]; /* whose socket: a class's, or "" the shared one */
	char class[POLICY_NAME_BYTES];  /* when it connected */
};

struct client {
	/* Set before the thread starts. */
	TAILQ_ENTRY(client) link; /* the broker's */
	uint32_t id;
	struct client_identity who;
	int poke;       /* eventfd: to end, or something that was waited for, or news of a lease */
	bool stopping;  /* atomic */
	int ended;      /* the broker's eventfd (borrowed): this thread has ended */
	bool has_ended; /* atomic */
	pthread_t thread;

	/* The thread's own; read by others under lock. */
	pthread_mutex_t lock;
	struct classes *classes; /* the policy it was judged by last, and its class there */
	const struct policy_class *class;
	TAILQ_HEAD(, queue) queues;
	LIST_HEAD(, area) areas;
	struct flow_slot *slots; /* flows by index */
	uint32_t slot_count, slots_free;
	uint32_t slot_first, slot_last; /* of those that are free */
	struct flow_bucket *sockets;    /* flows by their socket's cookie; slot_count buckets */
	uint32_t next_id;               /* of areas and queues */

	struct loop loop;
	struct uring control; /* accept, connect and their cancellation */
	struct source control_source, poke_source;
	bool control_active;
	bool gathering; /* a queue's next turn is put off: pace.h */
	bool retry;     /* something waits: for quota, memory, descriptors in flight, the rate */
	uint64_t retry_at_ns; /* then it is tried again; 0: not decided yet */
	bool done;
	struct session session;
};

/* These hold no descriptor. */
#define FLOW_NULL    ((struct flow){.sock = -1})
#define QUEUE_NULL   ((struct queue){.channel = -1, .rings = RINGS_NULL, .ring = URING_NULL})
#define SESSION_NULL ((struct session){.sock = -1})
#define CLIENT_NULL                             \
	((struct client){.poke = -1,            \
			 .ended = -1,           \
			 .loop = LOOP_NULL,     \
			 .control = URING_NULL, \
			 .session = SESSION_NULL})

#endif
