/* SPDX-License-Identifier: MIT */
#include "daemon/grant/guarded.h"

#include <stdio.h>
#include <sys/eventfd.h>

void guarded_tell(struct guarded *lease)
{
	__atomic_store_n(&lease->news, true, __ATOMIC_RELEASE);
	eventfd_write(lease->poke, 1);
}

bool guarded_lose(struct guarded *lease, uint32_t reason, const char *why)
{
	if (lease->reason)
		return false;
	snprintf(lease->why, sizeof(lease->why), "%s", why);
	__atomic_store_n(&lease->reason, reason, __ATOMIC_RELEASE);
	guarded_tell(lease);
	return true;
}

bool guarded_has_news(struct guarded *lease)
{
	return __atomic_load_n(&lease->news, __ATOMIC_RELAXED) &&
	       __atomic_exchange_n(&lease->news, false, __ATOMIC_ACQ_REL);
}

uint32_t guarded_lost(const struct guarded *lease, const char **ret_why)
{
	uint32_t reason = __atomic_load_n(&lease->reason, __ATOMIC_ACQUIRE);
	*ret_why = lease->why;
	return reason;
}
