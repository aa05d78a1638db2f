/* SPDX-License-Identifier: MIT */
/*
 * A broker takes a pump over that another broker started: its link is made anew, and the pump gets
 * its end by the socket on which it waits for that (daemon/link/start.h).
 */
#include <errno.h>
#include <time.h>

#include "daemon/hand/take.h"
#include "daemon/hand/work.h"
#include "proto/wire.h"

/* The pump has just replaced the socket, for a broker that was killed since. */
#define TRIES    100
#define PAUSE_NS 10000000

static enum hand_fault link_give(const struct hand_link *l, int *ret_error)
{
	const struct msg_hdr m = {.size = sizeof(m), .nfds = 1};
	int end = HAND_LINK_FD, next = -1, tries = 0;
	do {
		enum hand_fault fault = take_link(&next, HAND_PUMP_FD, l->next, ret_error);
		if (fault != HAND_DONE)
			return fault;
		*ret_error = wire_send(next, &m, &end, MSG_DONTWAIT);
	} while (*ret_error < 0 && tries++ < TRIES &&
		 nanosleep(&(struct timespec){.tv_nsec = PAUSE_NS}, NULL) == 0);
	return *ret_error < 0 ? HAND_KERNEL : HAND_DONE;
}

/* The report may be none that this broker can read: of another release, or of a pump that was taken
 * over. The pump gets its link all the same. */
int work_link(const struct hand_link *l, struct hand_reply *reply)
{
	int report = -1, error = 0;
	bool readable = take_file(&report, HAND_PUMP_FD, l->report, &reply->error) == HAND_DONE &&
			check_memfd(report, l->report_bytes, &error) == HAND_DONE;
	reply->fault = link_give(l, &reply->error);
	return reply->fault == HAND_DONE && readable ? report : -1;
}
