/* SPDX-License-Identifier: MIT */
#include "daemon/backend/charged.h"

#include <errno.h>
#include <stddef.h>

#include "base/size.h"
#include "daemon/grant/files.h"
#include "proto/reason.h"

static_assert(LIMITS_SAID_BYTES <= MSG_TEXT_BYTES, "a sentence fits into an answer");

/* For the others the reason's sentence is exact. */
static const struct {
	int error;
	const char *text;
} uncharged[] = {
	{ENOSPC, FILES_TOO_MANY},
	{EBUSY, "All zcrx-hands that your user may have are busy: end the client that keeps them "
		"waiting, or try again later."},
	{ETIMEDOUT, "zcrxd did not get to see the memfd within 10 s: the machine is too busy. Try "
		    "again later."},
	{EIO, "The zcrx-hand that was to look at the memfd has ended too early: try again. If "
	      "memory is short the kernel's log says so."},
	{ENOENT, "zcrxd cannot start zcrx-hand, which is missing or may not be executed: have "
		 "zcrxd installed again."},
	{EAGAIN, "zcrxd can start no further process: have TasksMax of zcrxd.service raised, or "
		 "try again later."},
	{EPIPE, "No zcrxd answers: have it started, and connect again."},
};

uint32_t charge_refused(int error, struct answer *a)
{
	if (error == -EDQUOT)
		return REASON_QUOTA;
	if (error == -EACCES) {
		answer_say(a, "zcrxd may not read the memfd; leave it the mode that it was made "
			      "with.");
		return REASON_FD_ACCESS;
	}
	for (size_t i = 0; i < ARRAY_LENGTH(uncharged); i++)
		if (uncharged[i].error == -error)
			answer_say(a, "%s", uncharged[i].text);
	a->error = error;
	return REASON_DAEMON_LIMIT;
}
