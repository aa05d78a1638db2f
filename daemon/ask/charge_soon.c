/* SPDX-License-Identifier: MIT */
#include "daemon/grant/charge_soon.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>

#include "daemon/ask/ask.h"
#include "daemon/grant/account.h"

struct charge_soon {
	struct ask_later *asked;
	bool told;
};

int charge_soon_begin(struct charge_soon **ret, const struct charge_whom *whom, uint32_t n,
		      int news)
{
	const union link_any flows = {.as_CHARGE = {.kind = ACCOUNT_FLOWS, .n = n}};
	const union link_any flight = {.as_FLIGHT = {.n = n}};
	struct charge_soon *c = calloc(1, sizeof(*c));
	if (!c)
		return -ENOMEM;
	int r = whom->user ? ask_owed(&c->asked, &flows, LINK_CHARGE, -1, news)
			   : ask_owed(&c->asked, &flight, LINK_FLIGHT, -1, news);
	if (r < 0)
		free(c);
	else
		*ret = c;
	return r;
}

int charge_soon_look(struct charge_soon *c)
{
	int fd, r = ask_look(c->asked, &fd);
	c->told = r != -EINPROGRESS;
	return r;
}

void charge_soon_drop(struct charge_soon *c)
{
	if (!c)
		return;
	if (c->told)
		ask_forget(c->asked);
	else
		ask_disown(c->asked);
	free(c);
}
