/* SPDX-License-Identifier: MIT */
/* The reply to a request of a pump's. */
#ifndef ZCRXD_SERVED_H
#define ZCRXD_SERVED_H

#include <stdint.h>

#include "daemon/link/link.h"

#define SERVED_LATER   1 /* a handler returns it: the reply is sent later */
#define SERVED_FDS_MAX 2

struct pump;

struct served {
	union link_any reply;    /* zero before the handler fills it in */
	int fds[SERVED_FDS_MAX]; /* are sent with the reply, unless it has an error */
	uint32_t nfds;
};

/*
 * Sends the reply to the request with this header, and closes s->fds. error: 0 or a negative errno.
 * Any thread may call it.
 */
void served_send(struct pump *p, struct served *s, const struct msg_hdr *request, int error);

#endif
