/* SPDX-License-Identifier: MIT */
/* zcrx-pump of the next release: it asks what brokers of this release do not know. */
#include <errno.h>
#include <stdlib.h>

#include "daemon/ask/ask.h"
#include "daemon/grant/account.h"
#include "daemon/grant/rates.h"
#include "tests/hostile/next.h"

bool __real_rates_request(struct user *u, uint64_t now_ns);
bool __wrap_rates_request(struct user *u, uint64_t now_ns);

/* With each request of its client. */
bool __wrap_rates_request(struct user *u, uint64_t now_ns)
{
	union link_any m = {0};
	if (ask_is_answered() && ask(&m, NEXT_ASKED, NULL, NULL) != -EOPNOTSUPP)
		abort();
	return __real_rates_request(u, now_ns);
}
