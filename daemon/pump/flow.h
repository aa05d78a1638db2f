/* SPDX-License-Identifier: MIT */
/* A stream's life: the state machine of model.h. */
#ifndef ZCRXD_FLOW_H
#define ZCRXD_FLOW_H

#include "daemon/pump/model.h"

/*
 * Puts the flow into its queue's list, and sets the options of its socket, which may have others: a
 * connection inherits its listener's.
 */
void flow_join(struct flow *f);

/* The same, and starts the flow. The client knows of it by a reply. */
void flow_open(struct flow *f);

void flow_pause(struct flow *f, bool on);

/*
 * Ends the flow for the client. A listener stays until all that it accepted is announced: somebody
 * has to call flow_attend() for it until then, or listener_give_up().
 */
void flow_close(struct flow *f, bool abort);

/* A connection of the listener's that the client was not told of yet, or NULL. */
struct flow *flow_unannounced(const struct flow *listener);

/* Are its rules gone, and has the backend given back everything that it owes the flow's socket? */
bool flow_is_settled(const struct flow *f);

/*
 * A flow's rules are gone, or the backend gave something back to its socket. If the flow is over
 * the socket is dropped once nothing is owed; one that waits for that on queue.owed is freed.
 */
void flow_settle(struct flow *f);

/* Goes on with flows whose rules stand by now, or are gone: the broker may have answered. */
void flow_steered(struct queue *q);

/* Takes a flow from its queue and frees it. */
void flow_free(struct flow *f);

/*
 * The queue closes. flow_stop() cancels the flow's operation, without waiting for its completion.
 * flow_drop() frees the flow when the ring has no operation left. torn: bytes of some flow were
 * taken from its socket and are in no completion; if of this flow, its connection is reset.
 */
void flow_stop(struct flow *f);
void flow_drop(struct flow *f, bool torn);

/* Does whatever the flow's state and wishes (paused, closing) ask for next. */
void flow_attend(struct flow *f);

/* A completion on the queue's ring that is more than data, which tally() counts. */
void flow_received(struct flow *f, const struct io_uring_cqe *cqe);

/* Receives from the flow's socket. */
void flow_arm(struct flow *f);

/* Ends the stream towards the client: FLOW_CLOSED follows. */
void flow_end(struct flow *f, int error, uint32_t reason);

#endif
