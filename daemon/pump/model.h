/* SPDX-License-Identifier: MIT */
/*
 * What one client has: data only. The modules that work on it stand above one another and call
 * downwards:
 *
 *   client      its thread: starts, winds up
 *   session     reads requests
 *   request     what each does: open, host, close      judge   what its class may do
 *   order       what a queue's thread is asked to do for a request
 *   pending     a request that is not answered yet     reply   what the client is told
 *   queue_thread   a queue's thread: turns, orders, the end
 *   control_turn   what accept came to
 *   turn        a queue's turn      tally   what it counts      schedule   when it is
 *   queue       a queue's beginning and end            life    the states in between
 *   gather      whose packets end a queue's wait
 *   listener    what listening sockets accept
 *   flow        a stream's life                        steer   which packets come to it
 *   channel     what the client is told of a queue     operation, control   the kernel's work
 *   flows       ids and lists
 *
 * The client's thread owns the session and the areas. Each queue has a thread that owns the queue,
 * its rings and its flows: queue_thread.h. What the status tells of them stands in the client's
 * report as well: daemon/common/report.h.
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
#include "daemon/common/answer.h"
#include "daemon/common/loop.h"
#include "daemon/common/report.h"
#include "daemon/common/uring.h"
#include "daemon/common/work.h"
#include "daemon/grant/account.h"
#include "daemon/grant/identity.h"
#include "daemon/pump/ahead.h"
#include "daemon/pump/schedule.h"
#include "policy/policy.h"
#include "proto/msg.h"

struct classes;
struct client;
struct flight;
struct hosted;
struct queue;
struct opening;
struct pending_kind;
struct lease;
struct side;
struct steering;
struct order;

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
 * holds no completion of it any more. enum flow_state is in daemon/common/report.h.
 */

/* What a socket wakes its thread for. */
enum flow_wait {
	FLOW_WAIT_NONE,
	FLOW_WAIT_CONTROL,
	FLOW_WAIT_DATA
};

struct flow {
	TAILQ_ENTRY(flow) link; /* in queue.flows */
	struct queue *queue;
	uint32_t id;
	enum flow_state state;
	struct report_flow *report; /* has the bytes received so far, and those copied of them */
	bool listener;
	bool receive_only;      /* the client gets no descriptor of the socket */
	uint32_t listener_id;   /* of the listener that accepted the flow; 0: none did */
	struct flow *accepting; /* a listener's next flow, charged before it is accepted; or NULL */

	int sock;
	uint64_t cookie;              /* SO_COOKIE, which identifies the socket; 0: none yet */
	LIST_ENTRY(flow) same_bucket; /* in client.table.sockets, while there is a cookie */
	struct msg_addr local, remote;
	enum flow_wait watched;
	struct source source; /* for FLOW_WAIT_DATA */
	bool limited;         /* zcrxd limited the socket's receive buffer: window.c */
	bool was_limited;     /* whoever made the socket had done so before */
	uint64_t taken; /* bytes read from the socket before it was the flow's: socket_taken() */
	struct backend_stream *stream; /* what the backend lends the socket; or NULL */

	bool paused;     /* by the client */
	bool closing;    /* the client closed the flow, and need not be told of it any more */
	bool abort;      /* the client, or zcrxd, wants the connection reset */
	bool reset;      /* the connection is reset when the socket is dropped */
	bool cancelling; /* the operation's end was asked for */
	bool drain;      /* the next operation receives into the side buffer */
	bool draining;   /* the operation under way receives into the side buffer */
	uint8_t stuck;   /* receives in a row that moved nothing */
	int error;       /* why the stream ended; 0: the peer finished it */
	uint32_t reason; /* the same as a reason of the protocol */
	uint32_t end;    /* the CQ position behind the flow's last completion */

	bool hushed;            /* its packets do not end a wait: gather.h */
	TAILQ_ENTRY(flow) hush; /* in queue.gather.hushed, if hushed */
	uint32_t brought_turn;  /* the turn of queue.gather in which it brought something last */
	uint32_t much_turn;     /* and in which it brought much */
	uint32_t thin_turns;    /* so often in a row it brought something, and not much */
	uint64_t brought_bytes; /* in brought_turn */

	struct flow_list *waits_on; /* the list of the queue that the flow waits on, or NULL */
	TAILQ_ENTRY(flow) waiting;  /* in that list */
	uint64_t noted_ns;          /* while it waits on queue.fresh: when it brought data */
	bool is_news;
	TAILQ_ENTRY(flow) news; /* in queue.news, if is_news */

	uint64_t copied_row;       /* bytes copied in a row although the flow is steered */
	uint64_t before_rules;     /* so many of the next bytes came before its rules stood */
	bool copied_whole;         /* these are so many that all of the flow must be copied */
	struct steering *steering; /* its rules, shared with others of its listener; or NULL */
	bool awaits_rules;      /* they are being set: before, it is neither armed nor announced */
	uint32_t leaving;       /* so many sets of rules are to go; its socket stays until then */
	const char *why_copied; /* why no rule brings its packets to the leased queue, or NULL */
};

/* The states of a queue's life, which life.h draws. */
enum life {
	LIFE_MADE,
	LIFE_RUNNING,
	LIFE_CLOSING,
	LIFE_QUIET,
	LIFE_LEAVING,
	LIFE_GONE
};

/* What gather.h knows of a queue. */
struct gather {
	struct flow_list hushed; /* the one that brought much last is the last */
	struct flow *leader;     /* its low-water mark ends the wait; or NULL */
	uint32_t mark_bytes;     /* that low-water mark */
	uint64_t until_ns;       /* when the wait for the leader is over */
	bool rang;               /* the leader ended it */

	uint32_t turn;       /* counts turns */
	uint32_t flows;      /* that brought something in this turn */
	uint64_t bytes;      /* which they brought */
	struct flow *most;   /* the one that brought most in this turn; or NULL */
	uint64_t much_bytes; /* how many are much in this turn */
};

/* Why a queue is lost. */
struct loss {
	int error;
	uint32_t reason;
	const char *text; /* a sentence that is more exact than the reason's, or NULL; a constant */
};

/* The policy that a request was judged by last. */
struct judged {
	struct classes *classes;
	const struct policy_class *class; /* the client's class in it */
};

/* What the client's thread tells a queue's. */
enum queue_told {
	QUEUE_TOLD_NOTHING,
	QUEUE_TOLD_CLOSE,
	QUEUE_TOLD_SHUTDOWN /* and the client is told QUEUE_LOST */
};

/* A queue: one io_uring that receives into one area. */
struct queue {
	/* Set before the thread starts, or the client's thread's own. */
	TAILQ_ENTRY(queue) link; /* in client.queues */
	struct client *client;
	uint32_t id;
	bool opening;       /* QUEUE_OPEN is not answered yet */
	struct work thread; /* is over when the queue is GONE, or could not start */

	/* Between the two threads. */
	int poke;             /* eventfd: an order, something told, or news of the lease */
	struct order *order;  /* atomic: given, and not taken yet */
	enum queue_told told; /* atomic */
	bool started;         /* atomic: it takes turns */
	int error;            /* why it could not start; to be read when the thread is over */

	/* The queue's thread's own. */
	struct loop loop;
	struct source poke_source, control_source;
	struct order *taken;  /* the order that is carried out; or NULL */
	struct judged judged; /* when the last order was taken */
	struct uring control; /* accept, and its cancellation: control.h */
	bool control_active;  /* the control ring has work */
	bool retry;           /* something waits for quota, memory or descriptors */
	uint64_t retry_at_ns; /* when what waits is tried again; 0: not decided yet */

	struct report_queue *report; /* once it is among the client's */
	struct area *area;
	struct backend *backend;      /* NULL: it is not open, or is closed again */
	uint32_t backend_number;      /* enum msg_backend, whether or not it is open */
	char why_not[MSG_TEXT_BYTES]; /* why it is no better backend; "": there is none */
	uint32_t buffer_bytes;
	struct lease *lease; /* of hardware queues, or NULL */
	struct side *side;   /* or NULL */

	struct uring ring;
	struct rings rings;
	struct source ring_source;
	uint32_t head;     /* CQ position up to which the kernel has the entries back */
	uint32_t scanned;  /* CQ position up to which zcrxd has seen the completions */
	uint32_t refilled; /* position up to which refills had been taken in the last turn */
	uint32_t kick;     /* the last value of the kick word */
	bool held;         /* completions wait for room that the client has to make */
	struct schedule schedule;
	struct gather gather;

	int channel;
	struct flight *flight; /* the channel's descriptors that the client has not read */
	struct source channel_source;
	bool kicked;    /* kicks may lie unread in the channel */
	bool wake_owed; /* a wake-up could not be sent */

	struct flow_list flows;
	uint32_t flow_count;      /* length of flows */
	uint32_t shares;          /* into how many parts the area is divided for the sockets */
	struct flow_list news;    /* flows of which the client is to be told */
	bool listeners_wait;      /* until the news is told; then listeners accept again */
	bool listeners_ask;       /* the broker, for the charge of what they accept next */
	struct ahead flows_ahead; /* what is charged for that */
	struct flow_list waiting; /* flows to be armed, for want of buffers or of room in the CQ */
	struct flow_list fresh;   /* armed flows that brought data and are to be nudged */
	struct flow_list dead;    /* dead flows, in the order of their ends in the CQ */
	/* Dead flows whose end the client has passed, but not all refills came back, or a rule of
	 * theirs is not deleted yet. */
	struct flow_list owed;
	TAILQ_HEAD(, steering) steerings; /* rules that are being set or deleted */
	uint64_t rules_until_ns; /* for so long its end waits for these; 0: it does not yet */

	uint64_t untold;    /* what backend_ops->copied() said last */
	bool copies_untold; /* the kernel does not say what it copies */
	bool rows;          /* some flow had a copied_row */

	enum life life;        /* atomic for the client's thread */
	struct loss lost;      /* what to tell the client in the end; error 0: nothing */
	struct lease *leaving; /* the lease that is let go of, or NULL */
};

/* The queue's last turn is to come, or is over. */
static inline bool queue_is_closing(const struct queue *q)
{
	return q->life >= LIFE_CLOSING;
}

/* What a queue's thread is asked to do for a request: order.h. */
struct order {
	uint64_t (*look)(struct queue *q, struct order *o, uint64_t now_ns);
	union {
		struct msg_flow_host host;
		struct msg_flow_pause pause;
		struct msg_flow_close close;
	} request;
	/* FLOW_ADOPT, FLOW_HOST: in no list; the client's thread made it. NULL: the queue has it.
	 */
	struct flow *flow;
	struct hosted *hosted; /* FLOW_HOST: what is being connected; or NULL */
	union {
		struct connecting { /* FLOW_HOST */
			struct source source;
			uint64_t until_ns;
			bool has_begun;
		} connecting;
		uint64_t until_ns; /* FLOW_CLOSE of a listener; 0: it has not begun */
	};
	uint32_t flow_id; /* the flow that the queue has, whose rules are being set */
	bool has_turn;    /* FLOW_CLOSE: the queue takes one more turn */
	struct answer answer;
	uint32_t reason;
	bool is_over; /* atomic: the answer is there */
};

/* A request that is not answered yet: pending.h. */
struct pending {
	const struct pending_kind *kind; /* NULL: there is none */
	struct msg_hdr request;
	union {
		struct opening *opening; /* QUEUE_OPEN: what has come of it so far */
		uint32_t queue_id;       /* QUEUE_CLOSE */
		struct order order;      /* requests about flows */
	};
};

/* The control socket. */
struct session {
	int sock;
	struct flight *flight; /* the replies' descriptors that the client has not read */
	struct source source;
	enum msg_state state;
	struct pending pending;
	union msg_any reply; /* the one being made, or unsent */
	int reply_fds[MSG_FDS_MAX];
	bool unsent;            /* the reply could not be sent yet */
	uint64_t held_until_ns; /* when a held client is hung up on; 0: it is not held (reply.h) */
};

struct flow_slot {
	struct queue *owner; /* atomic: whose thread alone looks at the flow; NULL: of no queue's */
	struct flow *flow;
	uint16_t generation;
	uint32_t next; /* the next free slot, if this one is free */
};

LIST_HEAD(flow_bucket, flow);

/* The flows of all queues. Whoever makes or drops one has the lock; flow_find() needs none. */
struct flow_table {
	pthread_mutex_t lock;
	struct flow_slot *slots; /* by index; they have room for all there can be, and never move */
	uint32_t count;          /* atomic: of slots that were ever in use */
	uint32_t n_free;
	uint32_t first, last;        /* the list of free slots */
	struct flow_bucket *sockets; /* flows by their socket's cookie; count buckets */
};

struct client {
	/* Set before the thread starts. */
	uint32_t id;
	struct client_identity who;
	int poke;         /* eventfd: to end, or something that was waited for */
	const char *stop; /* atomic: why it is to end, one sentence; NULL: it is not */
	int ended;        /* eventfd, borrowed: written when this thread ends */
	pthread_t thread;

	struct report *report;
	struct flow_table table; /* of the queues' threads, too */

	/* The thread's own. */
	struct judged judged;
	TAILQ_HEAD(, queue) queues;
	LIST_HEAD(, area) areas;
	uint32_t next_id; /* of areas and queues */

	struct loop loop;
	struct source poke_source;
	bool retry; /* a reply waits for memory or descriptors, or a request for the rate */
	uint64_t retry_at_ns; /* when what waits is tried again; 0: not decided yet */
	bool done;            /* the client is gone, or is to be hung up on */
	struct session session;
};

/* These hold no descriptor. */
#define FLOW_NULL ((struct flow){.sock = -1})
#define QUEUE_NULL                             \
	((struct queue){.channel = -1,         \
			.poke = -1,            \
			.loop = LOOP_NULL,     \
			.control = URING_NULL, \
			.rings = RINGS_NULL,   \
			.ring = URING_NULL})
#define SESSION_NULL ((struct session){.sock = -1})
#define CLIENT_NULL                                                    \
	((struct client){.poke = -1,                                   \
			 .ended = -1,                                  \
			 .loop = LOOP_NULL,                            \
			 .table = {.lock = PTHREAD_MUTEX_INITIALIZER}, \
			 .session = SESSION_NULL})

#endif
