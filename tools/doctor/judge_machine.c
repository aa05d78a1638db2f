/* SPDX-License-Identifier: MIT */
/* Judges the whole machine: its kernel, io_uring and limits. */
#include "nic/holes.h"
#include "tools/doctor/judge.h"

#include <errno.h>
#include <inttypes.h>
#include <linux/io_uring/zcrx.h>
#include <stdio.h>
#include <string.h>

#define MEMLOCK_COMFORT ((uint64_t)64 << 20)
#define MEMLOCK_MIN     ((uint64_t)1 << 20)
#define NOFILE_COMFORT  4096u
#define RMEM_COMFORT    ((uint64_t)4 << 20)

static void judge_kernel(const struct kernel_facts *k, struct report *r)
{
	if (!kernel_is_at_least(k, 6, 12)) {
		report_add(r, "kernel", k->release, VERDICT_FIX,
			   "zcrxd needs Linux 6.12: rings in several pages of its own, devmem");
		report_action(r, "boot Linux >= 6.12 (>= 6.15 for zcrx, >= 7.0 for large buffers)");
		report_limit(r, LEVEL_BROKEN);
	} else if (!kernel_is_at_least(k, 6, 15)) {
		report_add(r, "kernel", k->release, VERDICT_HINT,
			   "devmem only (>= 6.12); zcrx needs 6.15, large buffers need 7.0");
		report_action(r, "boot Linux >= 6.15 for zero copy into ordinary memory");
	} else {
		report_add(r, "kernel", k->release, VERDICT_OK,
			   "zcrx (>= 6.15), devmem (>= 6.12)%s",
			   kernel_is_at_least(k, 7, 0) ? ", large buffers (>= 7.0)"
						       : "; large buffers need 7.0");
	}
}

static void judge_config(const struct machine_facts *m, struct report *r)
{
	const enum tri *c = m->kernel.config;
	bool zcrx = kernel_is_at_least(&m->kernel, 6, 15) && c[CONFIG_IO_URING_ZCRX] != TRI_NO;
	const char *path = m->kernel.config_path;

	if (m->kernel.config_err) {
		report_add(
			r, "config", "unknown", VERDICT_NOTE,
			"no kernel configuration can be read (%s); what follows was tried instead",
			error_text(m->kernel.config_err));
	} else if (c[CONFIG_IO_URING] == TRI_NO) {
		report_add(r, "config", path, VERDICT_FIX, "built without CONFIG_IO_URING");
		report_action(r, "boot a kernel built with CONFIG_IO_URING");
		report_limit(r, LEVEL_BROKEN);
	} else if (!zcrx && c[CONFIG_NET_DEVMEM] == TRI_NO) {
		report_add(r, "config", path, VERDICT_FIX,
			   "built without CONFIG_IO_URING_ZCRX and CONFIG_NET_DEVMEM");
		report_action(r, "boot a kernel with one of them (both come with "
				 "CONFIG_PAGE_POOL, CONFIG_NET_RX_BUSY_POLL, "
				 "CONFIG_DMA_SHARED_BUFFER)");
		report_limit(r, LEVEL_COPY);
	} else if (c[CONFIG_ETHTOOL_NETLINK] == TRI_NO) {
		report_add(r, "config", path, VERDICT_FIX,
			   "built without CONFIG_ETHTOOL_NETLINK: header split cannot be set");
		report_action(r, "boot a kernel built with CONFIG_ETHTOOL_NETLINK");
		report_limit(r, LEVEL_COPY);
	} else if (kernel_is_at_least(&m->kernel, 6, 15) &&
		   (!zcrx || c[CONFIG_NET_DEVMEM] == TRI_NO)) {
		report_add(r, "config", path, VERDICT_HINT, "built without %s",
			   zcrx ? "CONFIG_NET_DEVMEM: zcrx only"
				: "CONFIG_IO_URING_ZCRX: devmem only");
		report_action(r, "boot a kernel built with it to have both");
	} else {
		report_add(r, "config", path, VERDICT_OK, "built with all that is needed");
	}
}

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

static void judge_uring(const struct uring_facts *u, struct report *r)
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

static void judge_zcrx(const struct machine_facts *m, struct report *r)
{
	const struct uring_facts *u = &m->uring;

	if (!kernel_is_at_least(&m->kernel, 6, 15))
		return;
	if (m->kernel.init_userns == TRI_NO) {
		report_add(r, "zcrx", "no", VERDICT_HINT,
			   "this is a user namespace: zcrx asks for CAP_NET_ADMIN of the initial "
			   "one");
		report_action(r, "run zcrxd on the host and share its socket");
		if (!machine_can_devmem(m))
			report_limit(r, LEVEL_COPY);
	} else if (u->recv_zc == TRI_UNKNOWN) {
		report_add(r, "zcrx", "unknown", VERDICT_NOTE, "no ring to ask it by");
	} else if (u->recv_zc == TRI_NO) {
		report_add(r, "zcrx", "no", VERDICT_HINT, "io_uring does not know RECV_ZC here");
		report_action(r, "boot a kernel built with CONFIG_IO_URING_ZCRX");
		if (!machine_can_devmem(m))
			report_limit(r, LEVEL_COPY);
	} else if (u->query_err) {
		report_add(r, "zcrx", "yes", VERDICT_OK,
			   "io_uring knows RECV_ZC; it cannot tell the details (needs 6.19)");
	} else {
		report_add(r, "zcrx", "yes", VERDICT_OK, "io_uring knows RECV_ZC%s%s",
			   u->zcrx_register_flags & ZCRX_REG_NODEV ? "; rings without a NIC" : "",
			   u->zcrx_features & ZCRX_FEATURE_RX_PAGE_SIZE ? "; large buffers" : "");
	}
}

static void judge_hole(uint32_t bit, bool fixed, struct report *r)
{
	const char *name = hole_name(bit);

	if (fixed) {
		report_add(r, "hole in zcrx", name, VERDICT_OK,
			   "not in this kernel, as zcrxd.conf says: %s", hole_what(bit));
		return;
	}
	report_add(r, "hole in zcrx", name, VERDICT_FIX,
		   "clients can reach it, so zcrxd offers no zcrx on Linux of this version: %s",
		   hole_what(bit));
	report_action(r,
		      "boot a newer kernel; if your distribution mended this one, "
		      "fixed-in-this-kernel = %s in [zcrx] of zcrxd.conf",
		      name);
}

static void judge_holes(const struct machine_facts *m, struct report *r)
{
	for (uint32_t left = m->kernel.holes; left; left &= left - 1)
		judge_hole(left & -left, m->kernel.fixed_holes & left & -left, r);
	if ((m->kernel.holes & ~m->kernel.fixed_holes) && !machine_can_devmem(m))
		report_limit(r, LEVEL_COPY);
}

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
			"a zcrxd that you start raises it (CAP_SYS_RESOURCE); its unit sets its own");
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

static void judge_limits(const struct limit_facts *l, struct report *r)
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

static void judge_udmabuf(const struct machine_facts *m, struct report *r)
{
	int err = m->limits.udmabuf_err;

	if (!err) {
		report_add(r, "udmabuf", "yes", VERDICT_OK,
			   "ordinary memory can be made a dma-buf for devmem");
		return;
	}
	if (err == -ENOENT) {
		report_add(r, "udmabuf", "no", VERDICT_HINT,
			   "no /dev/udmabuf: devmem takes only dma-bufs of a GPU or a dma-heap");
		report_action(r, m->kernel.config[CONFIG_UDMABUF] == TRI_NO
					 ? "boot a kernel built with CONFIG_UDMABUF"
					 : "modprobe udmabuf");
		return;
	}
	report_add(r, "udmabuf", "no access", VERDICT_HINT, "/dev/udmabuf: %s", error_text(err));
	report_action(r, "let the clients' group open /dev/udmabuf (a udev rule; often group kvm)");
}

void judge_machine(const struct machine_facts *m, struct report *r)
{
	judge_kernel(&m->kernel, r);
	judge_config(m, r);
	judge_uring(&m->uring, r);
	judge_zcrx(m, r);
	judge_holes(m, r);
	judge_pumps(m, r);
	judge_limits(&m->limits, r);
	judge_udmabuf(m, r);
}
