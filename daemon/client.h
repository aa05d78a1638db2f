/* SPDX-License-Identifier: MIT */
/*
 * A client and the one thread that serves it: its session, its queues, its sockets. Whatever a
 * client can make blocking (a socket whose lock it holds in a page fault, a close that lingers)
 * blocks this thread alone.
 *
 * The thread changes the structure only under `lock`, and never holds that across a system call on
 * anything of the client's; so the control thread may take it to report status.
 */
#ifndef ZCRXD_CLIENT_H
#define ZCRXD_CLIENT_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/queue.h>
#include <sys/types.h>

#include "account.h"
#include "area.h"
#include "loop.h"
#include "queue.h"
#include "session.h"
#include "uring.h"

#define CLIENT_FLOWS_MAX 65535u

struct flow_slot {
	struct flow *flow;
	uint16_t generation;
};

struct client_identity {
	pid_t pid;
	uid_t uid;
	int pidfd; /* the broker's */
	struct peer *peer;
};

struct client {
	/* Set before the thread starts. */
	TAILQ_ENTRY(client) link; /* the broker's */
	uint32_t id;
	struct client_identity who;
	const struct limits *limits;
	int stop;       /* eventfd: the control thread asks to end */
	int ended;      /* the broker's eventfd (borrowed): this thread has ended */
	bool has_ended; /* atomic */
	pthread_t thread;

	/* The thread's own; read by others under lock. */
	pthread_mutex_t lock;
	TAILQ_HEAD(, queue) queues;
	LIST_HEAD(, area) areas;
	struct flow_slot *slots; /* flows by index */
	uint32_t slot_count, slot_next;
	uint32_t next_id; /* of areas and queues */

	int epoll;
	struct uring control; /* accept, connect and their cancellation */
	struct source control_source, stop_source;
	bool control_active;
	bool retry; /* listeners wait for quota or memory: try again within a second */
	bool done;
	struct session session;
};

/* Operations on the control ring: the upper half of user_data, over the flow's id. */
enum control_op {
	CONTROL_IGNORE,
	CONTROL_ACCEPT,
	CONTROL_CONNECT,
	CONTROL_TIMEOUT
};

/*
 * Starts a thread for an accepted connection (taken over). Returns 0 or a negative errno, then the
 * socket is still the caller's.
 */
int client_start(struct client **ret, int sock, uint32_t id, const struct client_identity *who,
		 const struct limits *limits, int ended);

/* Asks the thread to end; it tells its client QUEUE_LOST. */
void client_stop(struct client *c);

/* Joins a thread that has ended and frees the client. */
void client_free(struct client *c);

/* The next SQE of the control ring, for an operation on behalf of a flow. */
struct io_uring_sqe *client_control(struct client *c, enum control_op op, uint32_t flow_id);

/* Cancels the operation of the control ring with this user_data. */
void client_cancel(struct client *c, uint64_t user_data);

/* Watches fd with the thread's epoll. Returns 0 or a negative errno. */
int client_watch(struct client *c, int fd, uint32_t events, struct source *source);

#endif
