/* SPDX-License-Identifier: MIT */
/* Here the answer is there at once. */
#include "daemon/grant/charge_soon.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>

#include "daemon/grant/account.h"
#include "daemon/grant/flight_reader.h"

struct charge_soon {
	struct charge_whom whom;
	uint32_t n;
	int result;
	bool told;
};

static int charge(const struct charge_whom *whom, uint32_t n)
{
	if (whom->user)
		return account_charge(whom->user, ACCOUNT_FLOWS, n, NULL);
	return flight_reader_charge(whom->reader, n) ? 0 : -EDQUOT;
}

int charge_soon_begin(struct charge_soon **ret, const struct charge_whom *whom, uint32_t n,
		      int news)
{
	struct charge_soon *c = malloc(sizeof(*c));
	(void)news;
	if (!c)
		return -ENOMEM;
	*c = (struct charge_soon){.whom = *whom, .n = n, .result = charge(whom, n)};
	*ret = c;
	return 0;
}

int charge_soon_look(struct charge_soon *c)
{
	c->told = true;
	return c->result;
}

void charge_soon_drop(struct charge_soon *c)
{
	if (!c)
		return;
	bool release = c->result == 0 && !c->told;
	if (release && c->whom.user)
		account_release(c->whom.user, ACCOUNT_FLOWS, c->n);
	if (release && c->whom.reader)
		flight_reader_release(c->whom.reader, c->n);
	free(c);
}
