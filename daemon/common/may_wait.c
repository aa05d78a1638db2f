/* SPDX-License-Identifier: MIT */
#include "daemon/common/may_wait.h"

static _Thread_local bool must_not;

void may_wait_set(bool may)
{
	must_not = !may;
}

bool may_wait(void)
{
	return !must_not;
}
