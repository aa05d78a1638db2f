/* SPDX-License-Identifier: MIT */
/* QUEUE_CLOSE and FLOW_CLOSE. They return why not, or REQUEST_PENDING. */
#ifndef ZCRXD_CLOSE_H
#define ZCRXD_CLOSE_H

#include "daemon/common/answer.h"
#include "daemon/pump/model.h"

uint32_t close_queue(struct client *c, const struct msg_queue_close *m);
uint32_t close_flow(struct client *c, const struct msg_flow_close *m);

#endif
