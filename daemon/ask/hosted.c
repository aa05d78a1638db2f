/* SPDX-License-Identifier: MIT */
#include "daemon/grant/hosted.h"

#include <stddef.h>

#include "daemon/ask/ask.h"

int hosted_open(const struct msg_flow_host *m, bool towards)
{
	union link_any l = {.as_HOST = {.flags = m->flags,
					.backlog = m->backlog,
					.towards = towards,
					.local = m->local,
					.remote = m->remote}};
	int fd, r = ask(&l, LINK_HOST, NULL, &fd);
	return r < 0 ? r : fd;
}
