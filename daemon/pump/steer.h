/* SPDX-License-Identifier: MIT */
/*
 * Which packets go to a leased hardware queue: one rule for a connected flow, one for each address
 * of a listener, whose connections share them.
 *
 * A rule takes packets away from whoever else would get them. So there is one only for a socket of
 * this network namespace and for a local address that is local here, never for all addresses: those
 * of the NIC are named one by one. A flow without a rule is received all the same: what arrives
 * elsewhere is copied.
 *
 * The broker sets and deletes rules, and may be away. Nobody waits for it here: the lease's eventfd
 * is written when it has answered, and then steer_answered() is to be called.
 */
#ifndef ZCRXD_STEER_H
#define ZCRXD_STEER_H

#include "daemon/pump/model.h"

/*
 * Sets a rule for the flow, which is about to be received: it awaits_rules. Or its why_copied, if
 * there is none.
 */
void steer_start(struct flow *f);

/*
 * The same before the flow's socket is connected, if it is known what its packets will look like.
 */
void steer_ahead(struct flow *f, const struct hosted *hosted, const struct msg_addr *remote);

/* The flow, a connection of the listener's, shares the listener's rules. */
void steer_share(struct flow *f, const struct flow *listener);

/* The rules of the queue's lease have changed. */
void steer_look(struct queue *q);

/*
 * The flow needs its rules no more. Rules that no flow needs are deleted, also those that are still
 * being set: f->leaving says that the flow is to keep its socket, and stay, until steer_answered()
 * returns it.
 */
void steer_stop(struct flow *f);

/*
 * To be called until it returns NULL; *at is steer_first() before. Returns a flow whose rules stand
 * by now, or are deleted.
 */
struct steering *steer_first(struct queue *q);
struct flow *steer_answered(struct queue *q, struct steering **at);

/*
 * The queue ends, and no flow needs rules. Are all of them gone, or was the broker given 300 s for
 * it? In that case they go with the lease.
 */
bool steer_is_over(struct queue *q, uint64_t now_ns);

#endif
