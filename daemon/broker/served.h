/* SPDX-License-Identifier: MIT */
/* What a pump is answered. */
#ifndef ZCRXD_SERVED_H
#define ZCRXD_SERVED_H

#include <stdint.h>

#include "daemon/link/link.h"

#define SERVED_LATER   1 /* a handler returns: it is answered when a hand is done */
#define SERVED_FDS_MAX 2

struct pump;

struct served {
	union link_any reply;    /* zero before the handler fills it in */
	int fds[SERVED_FDS_MAX]; /* go with the reply, unless it has an error */
	uint32_t nfds;
};

/*
 * Sends the reply to a request with this header, and closes what goes with it. error: 0 or a
 * negative errno. By any thread.
 */
void served_send(struct pump *p, struct served *s, const struct msg_hdr *request, int error);

#endif
