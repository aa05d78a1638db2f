/* SPDX-License-Identifier: MIT */
/* Judges whether zcrxd can have rings of io_uring, and if not, what is in the way. */
#include "tools/doctor/judge.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

static void judge_ring_denied(const struct uring_facts *u, struct report *r)
{
	if (u->seccomp) {
		report_add(r, "io_uring", "blocked", VERDICT_FIX,
			   "a seccomp filter blocks %s (%s), as docker, containerd and podman do",
			   u->ring_call, error_text(u->ring_err));
		report_action(r, "run zcrxd on the host and share its socket with the container, "
				 "or allow io_uring_setup, _enter, _register in the profile");
	} else {
		report_add(r, "io_uring", "refused", VERDICT_FIX,
			   "a security module does not let this user call %s (%s)", u->ring_call,
			   error_text(u->ring_err));
		report_action(r, "allow io_uring for zcrxd in its policy (SELinux, AppArmor)");
	}
}

/*
 * Is io_uring denied by something that stands before it, such as seccomp? io_uring itself would
 * answer otherwise.
 */
static bool ring_is_denied(const struct uring_facts *u)
{
	if (!u->ring_call)
		return false;
	return u->ring_err == -EPERM || u->ring_err == -EACCES ||
	       (u->ring_err == -ENOSYS &&
		(u->seccomp || strcmp(u->ring_call, "io_uring_setup") != 0));
}

/* Judges why a ring does not work if no sysctl is the reason. */
static void judge_ring_error(const struct uring_facts *u, struct report *r)
{
	report_limit(r, LEVEL_BROKEN);
	if (ring_is_denied(u)) {
		judge_ring_denied(u, r);
	} else if (u->ring_err == -ENOMEM) {
		report_add(r, "io_uring", "no memory", VERDICT_FIX,
			   "RLIMIT_MEMLOCK of this user is used up");
		report_action(r, "ulimit -l unlimited, or end other io_uring programs of %s",
			      u->user);
	} else if (u->ring_err == -ENOSYS) {
		report_add(r, "io_uring", "missing", VERDICT_FIX, "the kernel has no io_uring");
		report_action(r, "boot a kernel built with CONFIG_IO_URING");
	} else {
		report_add(r, "io_uring", "failed", VERDICT_FIX,
			   "a ring as zcrxd makes it does not work: %s: %s",
			   u->ring_call ? u->ring_call : "its memory", error_text(u->ring_err));
		report_action(r, "boot Linux >= 6.12; if this is one, tell the authors of zcrxd");
	}
}

/*
 * Could a ring not be tried? kernel.io_uring_disabled=1 can allow rings to zcrxd and not to the
 * caller.
 */
static bool not_tried(const struct uring_facts *u)
{
	return u->disabled == 1 && u->ring_err == -EPERM && !u->seccomp && u->ring_call &&
	       strcmp(u->ring_call, "io_uring_setup") == 0;
}

void judge_uring(const struct uring_facts *u, struct report *r)
{
	char value[TEXT_SIZE];

	if (u->disabled == 2) {
		report_add(r, "io_uring", "disabled", VERDICT_FIX,
			   "kernel.io_uring_disabled=2: nobody may use it");
		report_action(r, "sysctl kernel.io_uring_disabled=0, or =1 with "
				 "kernel.io_uring_group set to zcrxd's group");
		report_limit(r, LEVEL_BROKEN);
	} else if (u->disabled == 1 && u->user_in_group != TRI_YES) {
		report_add(r, "io_uring", "restricted", VERDICT_FIX,
			   "kernel.io_uring_disabled=1 and %s is not in its group (%" PRId64 ")",
			   u->user, u->group);
		if (u->group < 0)
			report_action(r, "sysctl kernel.io_uring_group=$(id -g %s)", u->user);
		else
			report_action(r, "add %s to group %" PRId64, u->user, u->group);
		report_limit(r, LEVEL_BROKEN);
	} else if (u->ring_err && !not_tried(u)) {
		judge_ring_error(u, r);
	} else if (u->disabled == 1) {
		if (u->group < 0)
			snprintf(value, sizeof(value), "root only");
		else
			snprintf(value, sizeof(value), "group %" PRId64, u->group);
		report_add(r, "io_uring", value, VERDICT_OK,
			   "kernel.io_uring_disabled=1, but %s may%s", u->user,
			   u->ring_err ? "; you may not: not tried" : "");
	} else {
		report_add(r, "io_uring", "allowed", VERDICT_OK,
			   "a ring as zcrxd makes it works (tried)");
	}
}
