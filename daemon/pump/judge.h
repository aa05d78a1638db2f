/* SPDX-License-Identifier: MIT */
/*
 * What a client may do: its class in the policy in force says so. A client keeps what it has,
 * whatever the policy becomes. Each thread has its own struct judged.
 */
#ifndef ZCRXD_JUDGE_H
#define ZCRXD_JUDGE_H

#include "daemon/common/answer.h"
#include "daemon/pump/model.h"

/*
 * To be called before each request, since the policy may have changed. A client that would be of
 * another class by now may do nothing new: what it has is charged to the class it connected as.
 */
void judge_update(const struct client *c, struct judged *judged);

/*
 * REASON_NONE, or why not, with a sentence in the answer. judge_new() is for each request that
 * makes something new.
 */
uint32_t judge_new(const struct client *c, struct answer *a);
uint32_t judge_backend(const struct client *c, uint32_t backend, struct answer *a);
uint32_t judge_flow(const struct client *c, const struct msg_flow_host *m, struct answer *a);

/* NULL, or why packets for the flow's socket at this address are not steered; a constant. */
const char *judge_steer(const struct flow *f, const struct msg_addr *local);

#endif
