/* SPDX-License-Identifier: MIT */
/* How much of a leased queue's area may lie unread in each of its sockets. */
#ifndef ZCRXD_WINDOW_H
#define ZCRXD_WINDOW_H

#include "daemon/pump/model.h"

/* The queue has a new flow f, or, if f is NULL, one flow less. */
void window_share(struct queue *q, struct flow *f);

#endif
