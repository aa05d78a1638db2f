/* SPDX-License-Identifier: MIT */
/* Judges limits of a process and of the system: are they enough for many clients? */
#include "tools/doctor/judge.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define MEMLOCK_COMFORT ((uint64_t)64 << 20)
#define MEMLOCK_MIN     ((uint64_t)1 << 20)
#define NOFILE_COMFORT  4096u
#define RMEM_COMFORT    ((uint64_t)4 << 20)

static void judge_memlock(const struct limit_facts *l, struct report *r)
{
	char value[TEXT_SIZE];

	if (l->memlock_err) {
		report_add(r, "memlock", "unknown", VERDICT_NOTE, "%s", error_text(l->memlock_err));
		return;
	}
	if (l->memlock_bytes == UINT64_MAX) {
		report_add(r, "memlock", "unlimited", VERDICT_OK,
			   "rings and areas are not limited");
		return;
	}
	size_text(value, l->memlock_bytes);
	if (l->raises) {
		report_add(
			r, "memlock", value, VERDICT_OK,
			"zcrxd raises it if you start it (CAP_SYS_RESOURCE); zcrxd.service sets its own");
		return;
	}
	if (l->memlock_bytes >= MEMLOCK_COMFORT) {
		report_add(r, "memlock", value, VERDICT_OK, "enough for many rings");
		return;
	}
	report_add(r, "memlock", value, l->memlock_bytes < MEMLOCK_MIN ? VERDICT_FIX : VERDICT_HINT,
		   "rings of one user count together, and areas of zcrx too");
	report_action(r, "nothing if systemd starts zcrxd (its unit sets LimitMEMLOCK); by hand: "
			 "raise `ulimit -Hl` in /etc/security/limits.conf");
}

/*
 * Compares a limit of the system for watches of zcrxd's user with what zcrxd.conf lets clients
 * need.
 */
static void judge_watches(const char *subject, uint64_t have, uint64_t wanted, const char *each,
			  struct report *r)
{
	bool low = have < wanted;
	char value[TEXT_SIZE];

	snprintf(value, sizeof(value), "%" PRIu64, have);
	report_add(r, subject, value, low ? VERDICT_HINT : VERDICT_OK,
		   "zcrxd needs one for each %s; zcrxd.conf lets all users together have %" PRIu64,
		   each, wanted);
	if (low)
		report_action(r,
			      "sysctl fs.%.*s.max_user_watches=%" PRIu64
			      ", or lower the limits of the classes in zcrxd.conf",
			      (int)strcspn(subject, " "), subject, wanted);
}

void judge_limits(const struct limit_facts *l, struct report *r)
{
	char value[TEXT_SIZE];

	judge_memlock(l, r);
	if (!l->nofile_err) {
		bool low = l->nofile < NOFILE_COMFORT;

		snprintf(value, sizeof(value), "%" PRIu64, l->nofile);
		report_add(r, "open files", value, low ? VERDICT_HINT : VERDICT_OK,
			   low ? "every flow costs zcrxd a file" : "enough for many flows");
		if (low)
			report_action(r, "nothing if systemd starts zcrxd; by hand: raise "
					 "`ulimit -Hn` in /etc/security/limits.conf");
	}
	if (!l->inotify_err)
		judge_watches("inotify watches", l->inotify_watches, l->inotify_wanted,
			      "file of clients' memory", r);
	if (!l->epoll_err)
		judge_watches("epoll watches", l->epoll_watches, l->epoll_wanted,
			      "socket that it receives", r);
	if (!l->tcp_rmem_err) {
		bool low = l->tcp_rmem_max_bytes < RMEM_COMFORT;

		report_add(r, "tcp_rmem", size_text(value, l->tcp_rmem_max_bytes),
			   low ? VERDICT_HINT : VERDICT_OK, "largest receive window of a flow%s",
			   low ? "; small for a fast or distant peer" : "");
		if (low)
			report_action(r, "sysctl net.ipv4.tcp_rmem='4096 131072 33554432'");
	}
}
