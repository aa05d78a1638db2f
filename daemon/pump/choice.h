/* SPDX-License-Identifier: MIT */
/*
 * Which backend a queue gets: the best that works of those that were asked for, that the class
 * allows and that can receive into the area. It keeps why no better one works.
 */
#ifndef ZCRXD_CHOICE_H
#define ZCRXD_CHOICE_H

#include "daemon/common/answer.h"
#include "daemon/pump/model.h"
#include "daemon/pump/queue.h"

struct choice {
	struct client *client;
	struct msg_queue_open message;
	struct queue_wish wish; /* area and patience; choice_make() fills in the rest */

	/* What came of it: a queue with the client's end of its channel, or a reason and why. */
	struct queue *queue;
	int channel;
	uint32_t reason;
	struct answer answer;
};

/* The largest area that any backend receives into. */
uint64_t choice_area_bytes_most(void);

/* What is wrong with the request, whatever the backend; REASON_NONE: nothing. */
uint32_t choice_check(const struct msg_queue_open *m, struct answer *a);

/*
 * Makes the queue. Any thread may, while the client's takes no request and leaves the area alone;
 * it may block.
 */
void choice_make(struct choice *ch);

#endif
