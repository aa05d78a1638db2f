/* SPDX-License-Identifier: MIT */
/* What a request comes to: a reply, or a refusal that may be more exact than its reason. */
#ifndef ZCRXD_ANSWER_H
#define ZCRXD_ANSWER_H

#include <stdint.h>

#include "proto/msg.h"

/* A reason that is none: the answer comes later. */
#define REQUEST_PENDING UINT32_MAX

struct answer {
	union msg_any *reply; /* zeroed; header and size are the session's */
	int *brought;         /* the request's descriptors; one that is kept is replaced by -1 */
	int *fds;             /* descriptors for the client, closed once sent */
	uint32_t nfds;
	int error;                      /* refusal: a more exact errno than the reason's, or 0 */
	const char *text;               /* refusal: a more exact sentence, or NULL */
	char text_room[MSG_TEXT_BYTES]; /* for one that is made up */
};

#endif
