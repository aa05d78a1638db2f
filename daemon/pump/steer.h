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

/* Steers a flow that is about to be received. Sets its why_copied if that cannot be. */
void steer_start(struct flow *f);

/* A connection of the listener shares its rules. */
void steer_share(struct flow *f, const struct flow *listener);

/* Something became of rules of the queue's lease. */
void steer_look(struct queue *q);

/* The rules go with the last flow that needs them. */
void steer_stop(struct flow *f);

#endif
