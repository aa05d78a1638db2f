/* SPDX-License-Identifier: MIT */
/* Judges the settings of a NIC: what zcrxd will change, and what only its owner can. */
#include "nic/drivers.h"
#include "tools/doctor/judge.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

/* The bytes of headers of a TCP segment with timestamps. */
#define HEADERS4_BYTES 52u
#define HEADERS6_BYTES 72u
#define XDP_FORMS      5

static void say_unknown(struct report *r, const char *subject, int err)
{
	report_add(r, subject, "unknown", VERDICT_NOTE, "the kernel does not tell: %s",
		   error_text(err));
}

static void judge_split(const struct ethtool_facts *e, const struct driver *driver,
			struct report *r)
{
	bool gro_first = driver && driver->split_needs_gro_hw && !e->gro_hw.active;

	if (e->rings_err) {
		say_unknown(r, "header split", e->rings_err);
	} else if (e->split == TRI_YES) {
		report_add(r, "header split", "on", VERDICT_OK, "zcrxd sets it all the same");
	} else if (gro_first && !e->features_err && e->gro_hw.fixed) {
		report_add(r, "header split", "off", VERDICT_NO,
			   "it needs rx-gro-hw, which this NIC cannot turn on");
		report_action(r, "update the NIC's firmware, or use another NIC");
	} else {
		report_add(r, "header split", e->split == TRI_NO ? "off" : "unsaid", VERDICT_LATER,
			   "zcrxd turns it on%s", gro_first ? "; rx-gro-hw must go first" : "");
	}
	if (e->rings_err)
		return;
	if (e->thresh_known != TRI_YES) {
		report_add(r, "hds-thresh", "none", VERDICT_OK, "the driver has no threshold");
	} else {
		char value[TEXT_SIZE];

		snprintf(value, sizeof(value), "%" PRIu32, e->thresh);
		report_add(r, "hds-thresh", value, e->thresh ? VERDICT_LATER : VERDICT_OK,
			   e->thresh ? "zcrxd sets it to 0: every payload is split off"
				     : "every payload is split off");
	}
}

static void judge_ntuple(const struct nic_facts *nic, struct report *r)
{
	const struct ethtool_facts *e = &nic->ethtool;
	uint32_t rules = nic->steering.n_rules;

	if (e->features_err) {
		say_unknown(r, "ntuple", e->features_err);
	} else if (!e->ntuple.active && e->ntuple.fixed) {
		report_add(r, "ntuple", "no", VERDICT_NO,
			   "no flow rules: a flow cannot be sent to a leased queue");
		report_action(r, "use a NIC, firmware or driver option with ntuple filters");
	} else {
		report_add(r, "ntuple", e->ntuple.active ? "on" : "off",
			   e->ntuple.active ? VERDICT_OK : VERDICT_LATER,
			   "%s; %" PRIu32 " rule%s there, left alone",
			   e->ntuple.active ? "flow rules can be set" : "zcrxd turns it on", rules,
			   rules == 1 ? "" : "s");
	}
}

static void judge_rss(const struct nic_facts *nic, struct report *r)
{
	const struct ethtool_facts *e = &nic->ethtool;
	const struct nic_table *table = nic_steering_table(&nic->steering, 0);
	unsigned used = 0, real = e->channels_err ? nic->n_queues : e->rx_queues;
	char value[TEXT_SIZE];

	if (nic->steering.rss_err) {
		say_unknown(r, "RSS", nic->steering.rss_err);
		return;
	}
	if (!table || !table->n) {
		report_add(r, "RSS", "no table", VERDICT_HINT,
			   "other traffic cannot be kept off a leased queue");
		report_action(r, "use a NIC with an RSS indirection table");
		return;
	}
	for (unsigned i = 0; i < real; i++)
		used += nic_table_has(table, i);
	snprintf(value, sizeof(value), "%u of %u queues", used, real);
	report_add(r, "RSS", value, used < real ? VERDICT_OK : VERDICT_LATER, "%s",
		   used < real ? "the others are free of unsteered traffic"
			       : "zcrxd takes the queues it leases out of the table");
}

static void judge_channels(const struct nic_facts *nic, struct report *r)
{
	const struct ethtool_facts *e = &nic->ethtool;
	char value[TEXT_SIZE];

	if (e->channels_err) {
		say_unknown(r, "channels", e->channels_err);
		return;
	}
	snprintf(value, sizeof(value), "%" PRIu32 " of %" PRIu32, e->rx_queues, e->rx_queues_max);
	if (e->rx_queues >= 2) {
		report_add(r, "channels", value, VERDICT_OK, "each lease takes one receive queue");
	} else if (e->rx_queues_max >= 2) {
		report_add(
			r, "channels", value, VERDICT_FIX,
			"one receive queue: none can be leased, the rest of the traffic needs it");
		report_action(r, "ethtool -L %s combined %" PRIu32, nic->link.name,
			      e->rx_queues_max);
	} else {
		report_add(r, "channels", value, VERDICT_NO,
			   "a single receive queue: none can be leased");
		report_action(r, "use a NIC (or give the virtual machine one) with more queues");
	}
}

static void judge_mtu(const struct machine_facts *m, const struct nic_facts *nic, struct report *r)
{
	uint64_t page = m->page_bytes, mtu = nic->link.mtu, payload, whole;
	char value[TEXT_SIZE];

	if (mtu <= HEADERS6_BYTES || !page)
		return;
	snprintf(value, sizeof(value), "%" PRIu64, mtu);
	payload = mtu - HEADERS4_BYTES;
	whole = payload / page * page;
	if (payload == whole || (mtu - HEADERS6_BYTES) % page == 0) {
		report_add(r, "MTU", value, VERDICT_OK, "payload fills whole pages (IPv%d)",
			   payload == whole ? 4 : 6);
		return;
	}
	if (!whole) {
		whole = page;
		report_add(r, "MTU", value, VERDICT_HINT,
			   "payload %" PRIu64 " B never fills a page; %" PRIu64 " gives %" PRIu64,
			   payload, whole + HEADERS4_BYTES, whole);
	} else {
		report_add(r, "MTU", value, VERDICT_HINT,
			   "payload %" PRIu64 " B leaves a page part-filled; %" PRIu64
			   " gives %" PRIu64,
			   payload, whole + HEADERS4_BYTES, whole);
	}
	report_action(r,
		      "ip link set %s mtu %" PRIu64 ", if all of the path can (IPv6: %" PRIu64 ")",
		      nic->link.name, whole + HEADERS4_BYTES, whole + HEADERS6_BYTES);
}

static void judge_xdp(const struct nic_facts *nic, struct report *r)
{
	static const char *const forms[XDP_FORMS] = {"none", "native", "generic", "offloaded",
						     "several"};
	static const char *const off[XDP_FORMS] = {"xdp", "xdpdrv", "xdpgeneric", "xdpoffload",
						   "xdp"};
	uint8_t xdp = nic->link.xdp < XDP_FORMS ? nic->link.xdp : XDP_FORMS - 1;

	if (!xdp) {
		report_add(r, "XDP", "none", VERDICT_OK, "no program attached%s",
			   nic->xdp_features ? "; none can be while a queue is leased" : "");
		return;
	}
	report_add(r, "XDP", forms[xdp], VERDICT_FIX,
		   "program %" PRIu32 " is attached: the kernel refuses memory providers beside it",
		   nic->link.xdp_program);
	report_action(r, "end what attached it, or: ip link set dev %s %s off", nic->link.name,
		      off[xdp]);
}

static void judge_pools(const struct nic_facts *nic, struct report *r)
{
	char value[TEXT_SIZE];

	if (nic->pools_err) {
		say_unknown(r, "old bindings", nic->pools_err);
		return;
	}
	if (!nic->dead_pools) {
		report_add(r, "old bindings", "none", VERDICT_OK, "none waits for its buffers");
		return;
	}
	report_add(r, "old bindings", size_text(value, nic->dead_pools_bytes), VERDICT_HINT,
		   "%u page pools are gone but still wait for buffers that sockets hold",
		   nic->dead_pools);
	report_action(r, "close the sockets of the program that had the queue");
}

void judge_settings(const struct machine_facts *m, const struct nic_facts *nic, struct report *r)
{
	const struct driver *driver = driver_find(nic->ethtool.driver);

	judge_split(&nic->ethtool, driver, r);
	judge_ntuple(nic, r);
	judge_rss(nic, r);
	judge_channels(nic, r);
	judge_mtu(m, nic, r);
	judge_xdp(nic, r);
	judge_pools(nic, r);
	if (driver && driver->large)
		report_add(r, "large buffers", kernel_is_at_least(&m->kernel, 7, 0) ? "yes" : "no",
			   VERDICT_NOTE, "%s, from Linux 7.0 on", driver->large);
	if (driver && driver->disturbance)
		report_add(r, "disturbance", "", VERDICT_NOTE, "%s", driver->disturbance);
}
