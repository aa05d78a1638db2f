/* SPDX-License-Identifier: MIT */
/* What a request comes to: a reply, or a refusal that may be more exact than its reason. */
#ifndef ZCRXD_ANSWER_H
#define ZCRXD_ANSWER_H

#include <stdint.h>

#include "proto/msg.h"

/* Not a reason: the request is answered later. */
#define REQUEST_PENDING UINT32_MAX

struct answer {
	union msg_any *reply; /* zeroed; the session fills in header and size */
	int *brought;         /* the request's descriptors; one that is kept is replaced by -1 */
	int *fds;             /* descriptors for the client, closed once sent */
	uint32_t nfds;
	int error;                 /* of a refusal: a more exact errno than the reason's, or 0 */
	char text[MSG_TEXT_BYTES]; /* of a refusal: a sentence more exact than the reason's, or ""
				    */
};

/* Makes the sentence of a refusal; what is too long is cut. */
__attribute__((format(printf, 2, 3))) void answer_say(struct answer *a, const char *format, ...);

/* Forgets the error and the sentence, since something else is tried. */
static inline void answer_clear(struct answer *a)
{
	a->error = 0;
	a->text[0] = '\0';
}

#endif
