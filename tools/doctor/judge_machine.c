/* SPDX-License-Identifier: MIT */
/* Judges the whole machine: its kernel, and which ways to receive that kernel offers. */
#include "nic/holes.h"
#include "tools/doctor/judge.h"

#include <errno.h>
#include <linux/io_uring/zcrx.h>

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
		report_action(r, "boot a kernel built with both, to have both");
	} else {
		report_add(r, "config", path, VERDICT_OK, "built with all that is needed");
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
		report_add(r, "zcrx", "unknown", VERDICT_NOTE,
			   "no io_uring could be made, so it is not known");
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
