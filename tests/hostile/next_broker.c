/* SPDX-License-Identifier: MIT */
/* zcrxd of the next release: it tells a pump something that pumps of this release do not know. */
#include "daemon/broker/outbox.h"
#include "daemon/common/version.h"
#include "tests/hostile/next.h"

const char zcrxd_version[] = "next";

int __real_outbox_send(struct outbox *o, const union link_any *m, int *fds);
int __wrap_outbox_send(struct outbox *o, const union link_any *m, int *fds);

int __wrap_outbox_send(struct outbox *o, const union link_any *m, int *fds)
{
	const union link_any told = {.hdr = {.size = sizeof(told.hdr), .type = NEXT_TOLD}};
	int r = __real_outbox_send(o, m, fds);
	return r == 0 && m->hdr.type == LINK_START ? __real_outbox_send(o, &told, NULL) : r;
}
