/* SPDX-License-Identifier: MIT */
/*
 * Judges one NIC: what it is, whether its driver can do zero copy, and the level that follows from
 * all findings.
 */
#include "nic/drivers.h"
#include "tools/doctor/judge.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

/* Kernels before this version look for the dma-buf first and at the driver later. */
#define PROBE_MAJOR 6
#define PROBE_MINOR 16

/* Judges a device without receive queues of its own. */
static void judge_virtual(const struct nic_facts *nic, struct report *r)
{
	const struct link_facts *l = &nic->link;

	if (l->loopback) {
		report_add(r, "driver", "loopback", VERDICT_NO, "loopback has no hardware queues");
		report_action(r, "name a physical NIC; what comes over loopback is copied");
	} else if (!strcmp(l->kind, "bond") || !strcmp(l->kind, "team")) {
		report_add(r, "driver", l->kind, VERDICT_NO, "the queues belong to its members: %s",
			   l->members[0] ? l->members : "none yet");
		report_action(r, "zcrxctl doctor MEMBER, for each of them");
	} else if (!strcmp(l->kind, "bridge")) {
		report_add(r, "driver", l->kind, VERDICT_NO, "the queues belong to its ports: %s",
			   l->members[0] ? l->members : "none yet");
		report_action(r, "zcrxctl doctor PORT, for the physical one");
	} else if (!strcmp(l->kind, "veth")) {
		report_add(r, "driver", l->kind, VERDICT_NO,
			   "veth has no hardware queues and drops what the CPU cannot read");
		report_action(r,
			      "use the host's NIC, or netkit with a leased queue (Linux >= 7.1)");
	} else if (!strcmp(l->kind, "netkit")) {
		report_add(
			r, "driver", l->kind, VERDICT_HINT,
			"takes memory providers only in queues leased to it from a physical NIC");
		report_action(r, "lease it a queue (Linux >= 7.1); zcrxctl doctor of that NIC");
	} else if (l->lower_elsewhere) {
		report_add(r, "driver", l->kind, VERDICT_NO,
			   "stands on a device of another network namespace");
		report_action(r, "run zcrxctl doctor there");
	} else if (l->lower_name[0]) {
		report_add(r, "driver", l->kind, VERDICT_NO, "stands on %s, which has the queues",
			   l->lower_name);
		report_action(r, "zcrxctl doctor %s", l->lower_name);
	} else {
		report_add(r, "driver", l->kind[0] ? l->kind : nic->ethtool.driver, VERDICT_NO,
			   "a virtual device without hardware queues");
		report_action(r, "name a physical NIC; what comes over this one is copied");
	}
}

/*
 * What the errno of the probe means. TRI_YES counts only if the kernel looks at the driver first.
 */
static enum tri probe_answer(const struct kernel_facts *k, int err)
{
	if (err == -EOPNOTSUPP && kernel_is_at_least(k, 6, 12))
		return TRI_NO;
	if (err == -EBADF && kernel_is_at_least(k, PROBE_MAJOR, PROBE_MINOR))
		return TRI_YES;
	return TRI_UNKNOWN;
}

static void judge_known_driver(const struct nic_facts *nic, const struct driver *driver,
			       enum tri probe, struct report *r)
{
	if (probe == TRI_YES) {
		report_add(r, "driver", driver->name, VERDICT_OK,
			   "memory providers: yes (probed, nothing changed)");
	} else if (probe == TRI_NO) {
		report_add(
			r, "driver", driver->name, VERDICT_NO,
			"memory providers: no (probed, nothing changed); this driver has them in "
			"Linux " DRIVERS_AS_OF);
		report_action(r, "boot a newer kernel");
	} else {
		report_add(r, "driver", driver->name, VERDICT_OK,
			   "memory providers: yes, by the driver table of Linux " DRIVERS_AS_OF
			   " (not probed: %s)",
			   nic->probe_err == -EPERM ? "not root" : error_text(nic->probe_err));
	}
	if (driver->remark)
		report_add(r, "remark", "", VERDICT_NOTE, "%s", driver->remark);
}

static void judge_other_driver(const struct nic_facts *nic, const struct driver *driver,
			       enum tri probe, struct report *r)
{
	const char *name = nic->ethtool.driver_err ? "unknown" : nic->ethtool.driver;

	if (probe == TRI_NO || (driver && probe == TRI_UNKNOWN)) {
		report_add(r, "driver", name, VERDICT_NO, "memory providers: no (%s)",
			   probe == TRI_NO ? "probed, nothing changed"
					   : "by the driver table of Linux " DRIVERS_AS_OF);
		report_action(r, "for zero copy use a NIC driven by " DRIVERS_CAPABLE);
	} else if (probe == TRI_YES) {
		report_add(
			r, "driver", name, VERDICT_HINT,
			"memory providers: perhaps; it passed the kernel's first check, but Linux " DRIVERS_AS_OF
			" had none in it");
		report_action(r, "configure a queue of it and see what zcrxd says");
	} else {
		report_add(r, "driver", name, VERDICT_HINT,
			   "memory providers: unknown, not in the driver table");
		report_action(r, "run zcrxctl doctor as root: it can ask the driver");
	}
}

/* Judges the driver. Returns whether it takes memory providers. */
static enum tri judge_driver(const struct machine_facts *m, const struct nic_facts *nic,
			     struct report *r)
{
	const struct driver *driver = driver_find(nic->ethtool.driver);
	enum tri probe = probe_answer(&m->kernel, nic->probe_err);

	if (driver && driver->provider) {
		judge_known_driver(nic, driver, probe, r);
		return probe == TRI_NO ? TRI_NO : TRI_YES;
	}
	judge_other_driver(nic, driver, probe, r);
	return probe == TRI_NO || driver ? TRI_NO : TRI_UNKNOWN;
}

static void judge_link(const struct link_facts *l, struct report *r)
{
	if (!l->up) {
		report_add(r, "link", "down", VERDICT_FIX,
			   "a NIC that is down receives nothing and does not list its queues");
		report_action(r, "ip link set %s up", l->name);
	} else if (!l->carrier) {
		report_add(r, "link", "no carrier", VERDICT_HINT,
			   "up, but nothing at the other end");
		report_action(r, "look at the cable and at the switch port");
	} else {
		report_add(r, "link", "up", VERDICT_OK, "up, with carrier");
	}
}

/* Judges the links that stand on the NIC, and so share its queues. */
static void judge_relations(const struct link_facts *l, struct report *r)
{
	if (!strcmp(l->master_kind, "bond") || !strcmp(l->master_kind, "team")) {
		report_add(r, "member of", l->master_name, VERDICT_HINT,
			   "a flow of %s may arrive at any of its members", l->master_name);
		report_action(r, "give zcrxd queues of every member");
	} else if (l->master_name[0]) {
		report_add(r, "member of", l->master_name, VERDICT_NOTE,
			   "flows to addresses of %s that come in here use these queues",
			   l->master_name);
	}
	if (l->uppers[0])
		report_add(r, "below", "", VERDICT_NOTE,
			   "flows to addresses of %s that come in here use these queues",
			   l->uppers);
}

/* Turns the findings about settings of a NIC that cannot do zero copy into plain notes. */
static void make_moot(struct report *r, unsigned settings, unsigned queues)
{
	for (unsigned i = settings; i < r->n; i++) {
		struct finding *f = &r->findings[i];

		f->verdict = VERDICT_NOTE;
		f->action[0] = '\0';
		if (i < queues)
			snprintf(f->text, sizeof(f->text),
				 "no matter: the driver has no memory providers");
	}
}

/* Says what a NIC whose driver can do zero copy is still waiting for. */
static void reasons_text(const struct report *machine, const struct report *r,
			 const struct tally *t, char *buf, size_t size)
{
	unsigned fix = report_count(machine, VERDICT_FIX) + report_count(r, VERDICT_FIX);

	buf[0] = '\0';
	if (fix)
		text_add(buf, size, ", %u to fix", fix);
	if (t->lacks)
		text_add(buf, size, ", %u that it lacks", t->lacks);
	if (t->busy)
		text_add(buf, size, ", %u queue%s busy", t->busy, t->busy > 1 ? "s" : "");
	if (!t->free && t->reached)
		text_add(buf, size, ", others' packets are led to %u queue%s", t->reached,
			 t->reached > 1 ? "s" : "");
	if (!t->free && !t->busy && !t->reached)
		text_add(buf, size, ", its queues are unknown");
	if (machine->level == LEVEL_COPY)
		text_add(buf, size, ", the machine cannot");
}

static void nic_summary(const struct report *machine, const struct tally *t, enum tri provider,
			struct report *r)
{
	char reasons[160];

	reasons_text(machine, r, t, reasons, sizeof(reasons));
	if (r->level == LEVEL_BROKEN)
		snprintf(r->summary, sizeof(r->summary),
			 "%s: not even copies: zcrxd cannot run on this machine yet.", r->name);
	else if (r->level == LEVEL_READY)
		snprintf(r->summary, sizeof(r->summary), "%s: ready for zero copy%s.", r->name,
			 reasons);
	else if (provider != TRI_YES)
		snprintf(r->summary, sizeof(r->summary),
			 "%s: no zero copy%s; clients get backend=copy.", r->name,
			 provider == TRI_UNKNOWN ? " as far as is known" : "");
	else
		snprintf(r->summary, sizeof(r->summary),
			 "%s: not ready for zero copy: %s. Until then clients get backend=copy.",
			 r->name, reasons + strlen(", "));
}

void judge_abilities(const struct machine_facts *m, const struct nic_facts *nic, struct report *r)
{
	enum tri provider = TRI_NO;

	memcpy(r->name, nic->link.name, sizeof(r->name));
	if (nic->link.bus_device[0])
		provider = judge_driver(m, nic, r);
	else
		judge_virtual(nic, r);
	if (provider == TRI_NO)
		return;
	judge_link(&nic->link, r);
	judge_settings(m, nic, r);
}

void judge_nic(const struct machine_facts *m, const struct nic_facts *nic,
	       const struct report *machine, struct report *r)
{
	enum tri provider = TRI_NO;
	struct tally t = {0};
	unsigned settings, queues;

	memcpy(r->name, nic->link.name, sizeof(r->name));
	report_limit(r, machine->level);
	if (nic->link.bus_device[0])
		provider = judge_driver(m, nic, r);
	else
		judge_virtual(nic, r);
	judge_link(&nic->link, r);
	if (provider != TRI_NO)
		judge_relations(&nic->link, r);
	settings = r->n;
	if (nic->link.bus_device[0])
		judge_settings(m, nic, r);
	if (nic->link.bus_device[0])
		judge_steering(nic, r);
	t.lacks = report_count(r, VERDICT_NO);
	queues = r->n;
	if (nic->link.bus_device[0] || !strcmp(nic->link.kind, "netkit"))
		judge_queues(m, nic, r, &t);
	if (provider == TRI_NO)
		make_moot(r, settings, queues);
	if (provider != TRI_YES || report_count(r, VERDICT_FIX) || t.lacks || !t.free)
		report_limit(r, LEVEL_COPY);
	nic_summary(machine, &t, provider, r);
}
