/* SPDX-License-Identifier: MIT */
/* QUEUE_OPEN: which backend it gets, what its sizes are, and why it is not a better one. */
#ifndef ZCRXD_OPEN_H
#define ZCRXD_OPEN_H

#include "daemon/common/answer.h"
#include "daemon/pump/model.h"

/* The largest area that any backend receives into. */
uint64_t open_area_bytes_most(void);

/* area may be NULL: there is none of that id. Returns why not, or REQUEST_PENDING. */
uint32_t open_queue(struct client *c, struct area *area, const struct msg_queue_open *m,
		    struct answer *a);

#endif
