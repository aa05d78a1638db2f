/* SPDX-License-Identifier: MIT */
/* QUEUE_OPEN: has a queue made (choice.h), and answers with what it consists of. */
#ifndef ZCRXD_OPEN_H
#define ZCRXD_OPEN_H

#include "daemon/common/answer.h"
#include "daemon/pump/model.h"

/* area may be NULL: there is none of that id. Returns why not, or REQUEST_PENDING. */
uint32_t open_queue(struct client *c, struct area *area, const struct msg_queue_open *m,
		    struct answer *a);

#endif
