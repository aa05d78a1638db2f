/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/broker/hand.h"
#include "daemon/grant/process.h"

static void denied(int error, char *ret, size_t bytes)
{
	int scope = ptrace_scope();
	if (scope >= 2)
		snprintf(
			ret, bytes,
			"The system lets no process take descriptors of another one (kernel.yama.ptrace_scope is %d), "
			"which hardware queues and a restart of zcrxd need: set it to 0 or 1%s.",
			scope, scope == 3 ? ", which takes a restart of the machine" : "");
	else
		snprintf(
			ret, bytes,
			"zcrxd cannot take a descriptor of its own pump (%s), which hardware queues and a restart of zcrxd need: allow "
			"pidfd_getfd in the seccomp profile of its container, and ptrace between processes of its user to "
			"security modules; zcrx-pump has to be readable for its user.",
			strerrordesc_np(-error));
}

void hand_sentence(const struct hand_reply *reply, char *ret, size_t bytes)
{
	static const char *const sentences[] = {
		[HAND_DONE] = "",
		[HAND_NOT_GIVEN] = "The pump did not give what belongs to it.",
		[HAND_NO_DESCRIPTOR] = "The pump has no such descriptor.",
		[HAND_NOT_A_RING] = "That descriptor is no io_uring.",
		[HAND_NOT_A_LINK] = "That descriptor is no end of a link.",
		[HAND_NOT_MEMORY] =
			"That descriptor is neither a memfd sealed against shrinking nor a dma-buf.",
		[HAND_TOO_SMALL] = "That memory is smaller than what is to be registered of it.",
		[HAND_LATE] = "The client's object kept it waiting for too long; it was given up.",
		[HAND_DIED] = "The process that was to do it has ended without an answer.",
		[HAND_CROWDED] =
			"All zcrx-hands of the user are busy; end the client that keeps them.",
	};
	if (reply->fault == HAND_DENIED)
		denied(reply->error, ret, bytes);
	else if (reply->fault == HAND_REFUSED)
		snprintf(ret, bytes, "zcrxd refuses it: %s.", strerrordesc_np(-reply->error));
	else if (reply->fault == HAND_KERNEL)
		snprintf(ret, bytes, "The kernel refuses it: %s.", strerrordesc_np(-reply->error));
	else
		snprintf(ret, bytes, "%s", sentences[reply->fault]);
}
