/* SPDX-License-Identifier: MIT */
/* The flows of a client: their ids, their charges, and the lists they wait on. */
#ifndef ZCRXD_FLOWS_H
#define ZCRXD_FLOWS_H

#include "daemon/pump/model.h"

#define CLIENT_FLOWS_MAX 65535u

/*
 * On a thread that may wait: makes a flow in state OPENING with a fresh id, charged to the client;
 * it owns sock. Returns REASON_NONE, or a reason (proto/reason.h) with the answer filled in; then
 * sock is still the caller's.
 */
uint32_t flow_new(struct flow **ret, struct queue *q, int sock, struct answer *a);

/* The same for what was charged already: takes over the charge. Returns 0 or a negative errno. */
int flow_make(struct flow **ret, struct queue *q, int sock);

/* Makes the flow a listener, and charges it as one. Returns what flow_new() returns. */
uint32_t flow_listen(struct flow *f, struct answer *a);

/* Undoes flow_new(), and drops the socket. */
void flow_discard(struct flow *f);

/*
 * The socket wakes the thread from now on. FLOW_WAIT_DATA: for a turn of the queue, when payload
 * comes or the stream ends. If the flow is not armed then, the socket is unwatched, since whoever
 * else holds it could wake the thread as often as they like. FLOW_WAIT_CONTROL: for a turn of the
 * control ring, when the socket is connected or has a connection to accept. To be called before the
 * operation that is to be waited for: a socket wakes who came last first, so that the ring has its
 * work before the thread looks (but for accept, which the kernel puts last: its eventfd tells what
 * was missed). Returns 0, -ENOMEM or -ENOSPC.
 */
int flow_watch(struct flow *f, enum flow_wait what);
void flow_unwatch(struct flow *f);

/* Says what identifies the flow's socket. flows_have() finds the socket until it is dropped. */
void flow_identify(struct flow *f, uint64_t cookie);
bool flows_have(struct client *c, uint64_t cookie);

/* Closes the socket, if it has one. */
void flow_drop_socket(struct flow *f, bool abort);

/* Frees the tables of ids and sockets, when no flow is left. */
void flows_done(struct client *c);

/* The queue's flow of that id, or NULL: another queue may have one. */
struct flow *flow_find(const struct queue *q, uint32_t id);

/* The same, if the client was told of the flow and has not closed it. */
struct flow *flow_find_known(const struct queue *q, uint32_t id);

/* On the client's thread: the queue that has the flow of that id, or NULL. */
struct queue *flow_owner(struct client *c, uint32_t id);

/* Puts the flow into its queue's list of flows. */
void flows_link(struct flow *f);
void flows_unlink(struct flow *f);

/* What the status tells, too. */
void flows_set_state(struct flow *f, enum flow_state state);
void flows_set_paused(struct flow *f, bool on);

/* Why its packets do not come to the hardware queue; a constant, or NULL. */
void flows_set_why_copied(struct flow *f, const char *why);
/* Of late everything was copied, though there is no such reason. */
void flows_set_copied_whole(struct flow *f, bool whole);

/*
 * The flow waits: to be armed as soon as there are buffers and room in the CQ, or, dead, to be
 * freed once the client has consumed what the CQ holds of it.
 */
void flows_wait(struct flow *f);

/* The flow waits on this list of its queue's, and on no other. */
void flows_wait_on(struct flow *f, struct flow_list *list);
void flows_forget(struct flow *f);

#endif
