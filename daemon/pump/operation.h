/* SPDX-License-Identifier: MIT */
/*
 * The operation of the kernel's by which a flow receives, or a listener accepts. While one is under
 * way the flow is ARMED.
 */
#ifndef ZCRXD_OPERATION_H
#define ZCRXD_OPERATION_H

#include "daemon/pump/model.h"

/* In the user_data of a cancellation on the queue's ring, beside the flow's id. */
#define OPERATION_CANCEL (1ull << 32)

/* Starts to receive a stream, or to drain it (backend.h). Returns 0 or -ENOMEM. */
int operation_receive(struct flow *f);

/*
 * A listener accepts its next connection, unless that has to wait: for quota or memory, then it is
 * tried again by the queue's retry; or for news to be told, then by listener_go_on().
 */
void operation_accept(struct flow *f);

/* Asks for the operation's end. Its last completion still comes. */
void operation_cancel(struct flow *f);

#endif
