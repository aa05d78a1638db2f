/* SPDX-License-Identifier: MIT */
/* A job on a socket of a client's, which can make each call wait for as long as the client likes.
 */
#include "daemon/grant/socket_facts.h"
#include "daemon/hand/take.h"
#include "daemon/hand/work.h"
#include "proto/wire.h"

int work_facts(struct hand_reply *reply)
{
	int fds[MSG_FDS_MAX];
	uint32_t n;
	reply->fault = take_given(fds, &n, &reply->error);
	if (reply->fault != HAND_DONE)
		return -1;
	work_over(reply, socket_facts(&reply->facts, fds[0]));
	if (reply->fault != HAND_DONE || reply->facts.is_foreign)
		return reply->fault == HAND_DONE ? socket_namespace(fds[0]) : -1;
	wire_close(fds, n);
	reply->again = true;
	return -1;
}
