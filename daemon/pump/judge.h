/* SPDX-License-Identifier: MIT */
/*
 * What a client may do now: its class in the policy in force. What it has it keeps, whatever the
 * policy becomes. Only on the client's own thread.
 */
#ifndef ZCRXD_JUDGE_H
#define ZCRXD_JUDGE_H

#include "daemon/common/answer.h"
#include "daemon/pump/model.h"

/*
 * Before a request: the policy may have changed. A client that would be of another class now may do
 * nothing new, since what it has is charged to the one it connected as.
 */
void judge_update(struct client *c);

/*
 * REASON_NONE, or why not, with a sentence in the answer. The first is for whatever makes something
 * new.
 */
uint32_t judge_new(const struct client *c, struct answer *a);
uint32_t judge_backend(const struct client *c, uint32_t backend, struct answer *a);
uint32_t judge_flow(const struct client *c, const struct msg_flow_host *m, struct answer *a);

/* NULL, or why packets for the flow's socket at this address are not steered; a constant. */
const char *judge_steer(const struct flow *f, const struct msg_addr *local);

#endif
