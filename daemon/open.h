/* SPDX-License-Identifier: MIT */
/* QUEUE_OPEN: which backend it gets, what its sizes are, and why it is not a better one. */
#ifndef ZCRXD_OPEN_H
#define ZCRXD_OPEN_H

#include "model.h"
#include "request.h"

/* area may be NULL: there is none of that id. Returns a reason, and fills the reply. */
uint32_t open_queue(struct client *c, struct area *area, const struct msg_queue_open *m,
		    struct answer *a);

#endif
