/* SPDX-License-Identifier: MIT */
/*
 * Which packets go to a leased hardware queue: one rule for a connected flow, one for each address
 * of a listener, whose connections share them.
 *
 * A rule takes packets away from whoever else would get them. So there is one only for a socket of
 * this network namespace and for a local address that is local here, never for all addresses: those
 * of the NIC are named one by one. A flow without a rule is received all the same: what arrives
 * elsewhere is copied.
 */
#ifndef ZCRXD_STEER_H
#define ZCRXD_STEER_H

#include "daemon/pump/model.h"

/* Sets a rule for the flow, which is about to be received; or its why_copied, if there is none. */
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
 * The flow needs its rules no more. Rules that no flow needs are deleted by the broker, which may
 * be away. A queue that closes waits for that here. Any other goes on: f->leaving says that the
 * flow is to keep its socket, and stay, until steer_gone() returns it.
 */
void steer_stop(struct flow *f);

/*
 * To be called again and again after the lease's eventfd was written. Returns a flow whose rules
 * are deleted by now, or NULL. wait: if some are not, waits for them.
 */
struct flow *steer_gone(struct queue *q, bool wait);

#endif
