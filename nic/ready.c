/* SPDX-License-Identifier: MIT */
#include "ready.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "change.h"
#include "drivers.h"
#include "journal.h"
#include "nic.h"

/* The kernel lets a queue go some time after its ring is closed. */
#define UNBOUND_TRIES    100
#define UNBOUND_PAUSE_NS 50000000

#define LINE_BYTES 400

__attribute__((format(printf, 3, 4))) static void tell(nic_say say, bool trouble,
						       const char *format, ...)
{
	char line[LINE_BYTES];
	va_list args;

	va_start(args, format);
	vsnprintf(line, sizeof(line), format, args);
	va_end(args);
	say(trouble, line);
}

static int facts_get(struct nic_facts *facts, const char *nic)
{
	struct link_facts link = {.ifindex = if_nametoindex(nic)};

	memcpy(link.name, nic, strnlen(nic, sizeof(link.name) - 1));
	if (!link.ifindex)
		return -ENODEV;
	nic_gather(facts, &link);
	return 0;
}

/* ---- putting back ---- */

static bool bound(uint32_t ifindex, const struct nic_queues *queues)
{
	struct nic_facts facts = {.link.ifindex = ifindex};
	bool found = false;

	netdev_genl_gather(&facts);
	for (uint32_t i = 0; i < facts.n_queues; i++)
		if (nic_queues_have(queues, i))
			found |= facts.queues[i].io_uring || facts.queues[i].dmabuf;
	nic_done(&facts);
	return found;
}

static bool unbound_wait(uint32_t ifindex, const struct nic_queues *queues)
{
	const struct timespec pause = {.tv_nsec = UNBOUND_PAUSE_NS};
	int tries = 0;

	while (bound(ifindex, queues))
		if (tries++ == UNBOUND_TRIES || nanosleep(&pause, NULL) < 0)
			return false;
	return true;
}

static void rules_sweep(const struct nic_before *b)
{
	struct nic_rule_at *rules;
	uint32_t n;

	if (nic_rules_get(b->name, &rules, &n) < 0)
		return;
	for (uint32_t i = 0; i < n; i++)
		if (nic_queues_have(&b->queues, rules[i].queue))
			nic_rule_del(b->name, rules[i].location);
	free(rules);
}

static int complain(const struct nic_before *b, nic_say say, const char *what, int r,
		    const char *why)
{
	if (r < 0)
		tell(say, true, "%s: %s could not be put back: %s%s%s", b->name, what,
		     strerrordesc_np(-r), *why ? ": " : "", why);
	return r;
}

static int settings_put_back(const struct nic_before *b, uint32_t ifindex, nic_say say)
{
	char why[NIC_WHY_BYTES] = "";
	int e[3];

	rules_sweep(b);
	e[0] = complain(b, say, "the RSS table", nic_rss_set(b->name, b->rss, b->rss_entries), "");
	e[1] = complain(b, say, "ntuple", nic_ntuple_set(b->name, b->ntuple), "");
	e[2] = nic_split_set(ifindex, (enum nic_split)b->split, b->threshold, why);
	complain(b, say, "header split", e[2], why);
	return e[0] ? e[0] : e[1] ? e[1] : e[2];
}

int nic_put_back(const char *dir, const char *nic, nic_say say)
{
	uint32_t ifindex = if_nametoindex(nic);
	struct nic_before b;
	int r = journal_read(dir, nic, &b);

	if (r == -EBADMSG)
		tell(say, true, "%s: the journal in %s cannot be read; look at the NIC yourself",
		     nic, dir);
	if (r < 0)
		return r;
	if (!ifindex) {
		tell(say, true, "%s is gone; it is put back once it is here again", nic);
		r = -ENODEV;
	} else if (!unbound_wait(ifindex, &b.queues)) {
		tell(say, true, "%s: a queue is still in use; nothing was put back yet", nic);
		r = -EBUSY;
	} else {
		r = settings_put_back(&b, ifindex, say);
	}
	if (r == 0)
		journal_remove(dir, nic);
	nic_before_done(&b);
	return r;
}

struct everything {
	const char *dir;
	nic_say say;
	int failed;
};

static void put_back_one(void *arg, const char *nic)
{
	struct everything *e = arg;
	int r = nic_put_back(e->dir, nic, e->say);

	e->failed += r < 0;
	if (r == 0)
		tell(e->say, false, "%s: is as it was", nic);
}

int nic_put_back_all(const char *dir, nic_say say)
{
	struct everything e = {.dir = dir, .say = say};

	journal_list(dir, put_back_one, &e);
	return e.failed;
}

/* ---- making ready ---- */

/* The table as the driver makes it: then it is to be the driver's again. */
static bool rss_is_default(const uint32_t *table, uint32_t entries, uint32_t queues)
{
	for (uint32_t i = 0; i < entries; i++)
		if (queues == 0 || table[i] != i % queues)
			return false;
	return true;
}

static int before_get(struct nic_before *b, const struct nic_facts *facts,
		      const struct nic_queues *queues, char why[NIC_SENTENCE_BYTES])
{
	const struct ethtool_facts *e = &facts->ethtool;
	int r;

	*b = (struct nic_before){
		.split = e->split == TRI_YES  ? NIC_SPLIT_ON
			 : e->split == TRI_NO ? NIC_SPLIT_OFF
					      : NIC_SPLIT_AUTO,
		.threshold = e->thresh_known == TRI_YES ? e->thresh : UINT32_MAX,
		.ntuple = e->ntuple.active,
	};
	memcpy(b->name, facts->link.name, sizeof(b->name));
	r = nic_rss_get(b->name, &b->rss, &b->rss_entries);
	if (r < 0) {
		snprintf(why, NIC_SENTENCE_BYTES,
			 "%s has no RSS table: its driver cannot spare a queue.", b->name);
		return r;
	}
	if (rss_is_default(b->rss, b->rss_entries, e->rx_queues)) {
		free(b->rss);
		b->rss = NULL;
		b->rss_entries = 0;
	}
	b->queues.ids = malloc((queues->n + 1) * sizeof(*queues->ids));
	if (!b->queues.ids)
		return -ENOMEM;
	memcpy(b->queues.ids, queues->ids, queues->n * sizeof(*queues->ids));
	b->queues.n = queues->n;
	return 0;
}

/*
 * Takes our queues out of the table: what went to them goes to the others in turn. Returns how many
 * entries that changed, or a negative errno.
 */
static int rss_shrink(const char *nic, const struct nic_queues *queues, uint32_t rx_queues)
{
	uint32_t *table, entries, next = 0, others = 0;
	int moved = 0, r = nic_rss_get(nic, &table, &entries);

	if (r < 0)
		return r;
	for (uint32_t q = 0; q < rx_queues; q++)
		others += !nic_queues_have(queues, q);
	for (uint32_t i = 0; others && i < entries; i++) {
		moved += nic_queues_have(queues, table[i]);
		while (nic_queues_have(queues, table[i]) || table[i] >= rx_queues)
			table[i] = next++ % rx_queues;
	}
	if (!others)
		r = -EINVAL;
	else if (moved)
		r = nic_rss_set(nic, table, entries);
	free(table);
	return r < 0 ? r : moved;
}

int nic_keep_ready(const char *nic, const struct nic_queues *queues)
{
	struct nic_facts facts = {.link.ifindex = if_nametoindex(nic)};
	bool rules_off = false;
	int r;

	if (!facts.link.ifindex)
		return -ENODEV;
	ethtool_nl_gather(&facts);
	if (!facts.ethtool.features_err && !facts.ethtool.ntuple.active)
		rules_off = nic_ntuple_set(nic, true) == 0;
	r = rss_shrink(nic, queues, facts.ethtool.rx_queues);
	nic_done(&facts);
	return r < 0 ? r : r + rules_off;
}

static int change(const struct nic_facts *facts, const struct nic_queues *queues,
		  char why[NIC_SENTENCE_BYTES])
{
	const struct ethtool_facts *e = &facts->ethtool;
	const char *nic = facts->link.name, *what = "header split cannot be switched on";
	char said[NIC_WHY_BYTES] = "";
	int r = nic_split_set(facts->link.ifindex, NIC_SPLIT_ON,
			      e->thresh_known == TRI_YES ? 0 : UINT32_MAX, said);

	if (r == 0) {
		what = "ntuple rules cannot be switched on";
		r = nic_ntuple_set(nic, true);
	}
	if (r == 0) {
		what = "its other traffic needs a queue that is not zcrxd's, and an RSS table that "
		       "can be set";
		r = rss_shrink(nic, queues, e->rx_queues);
	}
	if (r < 0)
		snprintf(why, NIC_SENTENCE_BYTES, "%s: %s: %s%s%s.", nic, what, strerrordesc_np(-r),
			 *said ? ": " : "", said);
	return r < 0 ? r : 0;
}

static void say_nothing(bool trouble, const char *line)
{
	(void)trouble;
	(void)line;
}

/* Packets that are none of ours must not land in a client's memory. */
static int foreign_rules_refuse(const struct nic_facts *facts, const struct nic_queues *queues,
				char why[NIC_SENTENCE_BYTES])
{
	for (uint32_t i = 0; i < facts->n_queues; i++) {
		if (!facts->queues[i].rules || !nic_queues_have(queues, i))
			continue;
		snprintf(why, NIC_SENTENCE_BYTES,
			 "%s: ntuple rules that are not zcrxd's steer to queue %u; delete them "
			 "(ethtool -n, -N delete) or give zcrxd other queues.",
			 facts->link.name, i);
		return -EBUSY;
	}
	return 0;
}

/* What the journal knows already is older, and stays; then rules there may be are ours. */
static int journal_begin(const char *dir, const struct nic_before *b, const struct nic_facts *facts,
			 char why[NIC_SENTENCE_BYTES])
{
	struct nic_before older;
	int r = journal_read(dir, b->name, &older);

	if (r == 0) {
		rules_sweep(&older);
		nic_before_done(&older);
		return 0;
	}
	r = foreign_rules_refuse(facts, &b->queues, why);
	if (r < 0)
		return r;
	r = journal_write(dir, b);
	if (r < 0)
		snprintf(why, NIC_SENTENCE_BYTES, "%s: the journal cannot be written to %s: %s.",
			 b->name, dir, strerrordesc_np(-r));
	return r;
}

int nic_make_ready(const char *dir, const char *nic, const struct nic_queues *queues,
		   char why[NIC_SENTENCE_BYTES])
{
	struct nic_before before;
	struct nic_facts facts;
	int r = facts_get(&facts, nic);

	if (r < 0) {
		snprintf(why, NIC_SENTENCE_BYTES, "There is no interface %s.", nic);
		return r;
	}
	snprintf(why, NIC_SENTENCE_BYTES, "Out of memory.");
	r = before_get(&before, &facts, queues, why);
	if (r == 0)
		r = journal_begin(dir, &before, &facts, why);
	if (r == 0) {
		r = change(&facts, queues, why);
		if (r < 0)
			nic_put_back(dir, nic, say_nothing);
	}
	nic_before_done(&before);
	nic_done(&facts);
	return r;
}

/* ---- saying so beforehand ---- */

static const char *on_off(bool on)
{
	return on ? "on" : "off";
}

static void plan_rss(const struct nic_facts *facts, const struct nic_queues *queues, nic_say say)
{
	uint32_t leaving = 0;

	for (uint32_t i = 0; i < facts->n_queues; i++)
		leaving += facts->queues[i].in_rss && nic_queues_have(queues, i);
	if (leaving)
		tell(say, false,
		     "RSS table: %u queues leave it; what came to them goes to the others",
		     leaving);
	else
		tell(say, false, "RSS table: stays, none of the queues is in it");
}

static void plan_queue(const struct nic_facts *facts, uint32_t id, nic_say say)
{
	const struct queue_facts *q = id < facts->n_queues ? &facts->queues[id] : NULL;

	if (id >= facts->ethtool.rx_queues)
		tell(say, true, "queue %u: there is none; the interface has %u", id,
		     facts->ethtool.rx_queues);
	else if (q && (q->io_uring || q->dmabuf || q->xsk || q->leased))
		tell(say, true, "queue %u: somebody holds it; see zcrxctl doctor", id);
	else if (q && q->rules)
		tell(say, true, "queue %u: %u ntuple rules steer to it; they have to go first", id,
		     q->rules);
}

int nic_plan(const char *nic, const struct nic_queues *queues, nic_say say)
{
	struct nic_facts facts;
	const struct driver *driver;
	const struct ethtool_facts *e = &facts.ethtool;
	int r = facts_get(&facts, nic);

	if (r < 0)
		return r;
	tell(say, false, "header split: %s -> on",
	     e->split == TRI_YES  ? "on"
	     : e->split == TRI_NO ? "off"
				  : "auto");
	if (e->thresh_known == TRI_YES)
		tell(say, false, "hds-thresh: %u -> 0", e->thresh);
	tell(say, false, "ntuple rules: %s -> on", on_off(e->ntuple.active));
	plan_rss(&facts, queues, say);
	for (uint32_t i = 0; i < queues->n; i++)
		plan_queue(&facts, queues->ids[i], say);
	driver = driver_find(e->driver);
	tell(say, false, "whom it disturbs (%s): %s", e->driver,
	     driver && driver->disturbance ? driver->disturbance : "not known of this driver");
	tell(say, false, "All of it is put back with the last lease.");
	nic_done(&facts);
	return 0;
}
