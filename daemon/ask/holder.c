/* SPDX-License-Identifier: MIT */
#include "daemon/grant/holder.h"

#include <stdio.h>

#include "daemon/ask/ask.h"

bool holder_say(const char *nic, uint32_t rxq, char *ret, size_t bytes)
{
	union link_any m = {.as_HOLDER = {.rxq = rxq}};
	snprintf(m.as_HOLDER.nic, sizeof(m.as_HOLDER.nic), "%s", nic);
	if (ask(&m, LINK_HOLDER, NULL, NULL) < 0 || !*m.re_HOLDER.text)
		return false;
	snprintf(ret, bytes, "%.*s", (int)sizeof(m.re_HOLDER.text) - 1, m.re_HOLDER.text);
	return true;
}
