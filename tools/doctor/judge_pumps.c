/* SPDX-License-Identifier: MIT */
/*
 * Judges what zcrxd needs besides itself: its other two programs, what the kernel has to keep a
 * pump in its sandbox, and whether a ring can be taken from a pump.
 */
#include "tools/doctor/judge.h"

#include <errno.h>
#include <stdio.h>

#define LANDLOCK_SIGNALS 6 /* the version from which it keeps a process from signalling others */

static void judge_program(const char *name, const struct program_facts *p, struct report *r)
{
	char value[TEXT_SIZE];

	if (!p->path[0])
		return;
	if (p->err) {
		report_add(r, name, p->err == -ENOENT ? "missing" : "unknown", VERDICT_FIX,
			   "zcrxd serves nobody without %s: %s", p->path, error_text(p->err));
		report_action(r, "install zcrxd whole: cmake --install, or the package again");
		report_limit(r, LEVEL_BROKEN);
		return;
	}
	snprintf(value, sizeof(value), "%04o", p->mode);
	if ((p->mode & 0555) == 0555 && !(p->mode & 0022)) {
		report_add(r, name, value, VERDICT_OK, "%s", p->path);
		return;
	}
	report_add(r, name, value, VERDICT_FIX, "%s: %s", p->path,
		   p->mode & 0022 ? "not only its owner may write this program, which zcrxd starts"
				  : "zcrxd's user may not start it");
	report_action(r, "chmod 0755 %s", p->path);
	if (!(p->mode & 0022))
		report_limit(r, LEVEL_BROKEN);
}

static void judge_landlock(const struct pump_facts *p, struct report *r)
{
	char value[TEXT_SIZE];

	if (p->landlock == -ENOSYS || p->landlock == -EOPNOTSUPP) {
		report_add(r, "Landlock", "no", VERDICT_HINT,
			   "pumps are confined by seccomp and ring restrictions only");
		report_action(r, "boot a kernel built with CONFIG_SECURITY_LANDLOCK, and with "
				 "landlock in lsm= if that is given");
	} else if (p->landlock < 0) {
		report_add(r, "Landlock", "blocked", VERDICT_FIX,
			   "landlock_create_ruleset: %s: no pump can start",
			   error_text(p->landlock));
		report_action(r, "allow landlock_create_ruleset, landlock_restrict_self in the "
				 "seccomp profile");
		report_limit(r, LEVEL_BROKEN);
	} else {
		snprintf(value, sizeof(value), "version %d", p->landlock);
		report_add(r, "Landlock", value,
			   p->landlock < LANDLOCK_SIGNALS ? VERDICT_HINT : VERDICT_OK,
			   p->landlock < LANDLOCK_SIGNALS
				   ? "it does not keep a pump from signalling other processes"
				   : "keeps pumps from files, TCP and other processes");
		if (p->landlock < LANDLOCK_SIGNALS)
			report_action(r, "boot Linux >= 6.12");
	}
}

static void judge_task(const struct pump_facts *p, struct report *r)
{
	if (!p->task_err) {
		report_add(r, "ring restrictions", "all rings", VERDICT_OK,
			   "whatever ring a pump makes does only what a pump needs");
	} else if (!p->seccomp) {
		report_add(r, "ring restrictions", "each ring", VERDICT_OK,
			   "a child of each pump makes its rings, and restricts them");
	} else {
		report_add(r, "ring restrictions", "each ring", VERDICT_HINT,
			   "a child of each pump makes its rings, unless this container's runtime "
			   "listens to seccomp already: then a pump that was taken over can make "
			   "any");
		report_action(r, "boot Linux >= 7.2, or run zcrxd on the host");
	}
}

static void judge_rights(const struct pump_facts *p, struct report *r)
{
	if (!p->rights_err) {
		report_add(r, "SO_PASSRIGHTS", "yes", VERDICT_OK,
			   "no pump can send zcrxd a descriptor, which zcrxd would have to close");
		return;
	}
	report_add(r, "SO_PASSRIGHTS", "no", VERDICT_HINT,
		   "a pump that was taken over can send zcrxd a descriptor whose closing takes "
		   "long, and hold up everybody's requests");
	report_action(r, "boot Linux >= 6.16");
}

/* Whether a pump's ring, and after a restart its link, can be taken from it. */
static void judge_taking(const struct machine_facts *m, struct report *r)
{
	static const char lost[] = "no zcrx, and clients end with zcrxd";
	const struct pump_facts *p = &m->pumps;
	char value[TEXT_SIZE];

	if (p->getfd_err) {
		report_add(r, "pidfd_getfd", p->seccomp ? "blocked" : "refused", VERDICT_FIX,
			   "zcrxd cannot take a ring from a pump (%s): %s",
			   error_text(p->getfd_err), lost);
		report_action(r, "allow pidfd_getfd in the seccomp profile, or run zcrxd on the "
				 "host and share its socket");
	} else {
		report_add(r, "pidfd_getfd", "allowed", VERDICT_OK,
			   "zcrxd can take a ring from a pump");
	}
	snprintf(value, sizeof(value), "ptrace_scope %d", p->ptrace_scope);
	if (p->ptrace_scope < 2) {
		report_add(r, "Yama", p->ptrace_scope < 0 ? "none" : value, VERDICT_OK,
			   "pumps let zcrxd take their rings");
	} else {
		report_add(r, "Yama", value, VERDICT_FIX,
			   "processes of one user may take nothing from each other: %s", lost);
		report_action(
			r,
			p->ptrace_scope > 2
				? "boot with kernel.yama.ptrace_scope=1: 3 cannot be changed before"
				: "sysctl kernel.yama.ptrace_scope=1");
	}
	if (!machine_gives_rings(m) && !machine_can_devmem(m))
		report_limit(r, LEVEL_COPY);
}

void judge_pumps(const struct machine_facts *m, struct report *r)
{
	judge_program("zcrx-pump", &m->pumps.pump, r);
	judge_program("zcrx-hand", &m->pumps.hand, r);
	judge_landlock(&m->pumps, r);
	judge_task(&m->pumps, r);
	judge_rights(&m->pumps, r);
	judge_taking(m, r);
}
