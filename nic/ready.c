/* SPDX-License-Identifier: MIT */
#include "nic/ready.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "nic/change.h"
#include "nic/ethtool.h"
#include "nic/journal.h"
#include "nic/nic.h"
#include "nic/ntuple.h"
#include "nic/restore.h"

/* Is the table what the driver makes by default? Then it is put back by asking for the default. */
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
	r = nic_card_get(&b->card, b->name);
	if (r == 0)
		r = journal_boot(b->boot);
	if (r < 0) {
		snprintf(why, NIC_SENTENCE_BYTES, "%s: which card it is cannot be learned: %s.",
			 b->name, strerrordesc_np(-r));
		return r;
	}
	r = nic_rss_get(b->name, &b->rss, &b->rss_entries);
	if (r == -ENOMEM)
		return r;
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
 * Takes zcrxd's queues out of the RSS table. Their entries go to the other queues in turn. Returns
 * how many entries changed, or a negative errno.
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
	struct nic_facts facts = {0};
	bool rules_off = false;
	int r = nic_index(nic, &facts.link.ifindex);

	if (r < 0)
		return r;
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

/* Are there queues that the older state does not have? */
static bool queues_are_new(const struct nic_before *older, const struct nic_queues *queues)
{
	for (uint32_t i = 0; i < queues->n; i++)
		if (!nic_queues_have(&older->queues, queues->ids[i]))
			return true;
	return false;
}

static int queues_add(const char *dir, struct nic_before *older, const struct nic_queues *queues)
{
	int r;

	if (!queues_are_new(older, queues))
		return 0;
	r = nic_queues_add(&older->queues, queues);
	return r < 0 ? r : journal_write(dir, older);
}

static int journal_go_on(const char *dir, struct nic_before *older, const struct nic_before *b)
{
	int r = nic_rules_del(b->name, older->rules, older->n_rules);

	if (r < 0)
		return r;
	older->n_rules = 0;
	return queues_add(dir, older, &b->queues);
}

int nic_journal_resume(const char *dir, const char *nic, const struct nic_queues *queues,
		       nic_say say, struct nic_before *ret)
{
	int r;

	*ret = (struct nic_before){0};
	r = nic_before_get(dir, nic, say, ret);
	if (r == 0)
		r = queues_add(dir, ret, queues);
	if (r < 0)
		nic_before_done(ret);
	return r;
}

int nic_journal_begin(const char *dir, const struct nic_before *b, nic_say say,
		      char why[NIC_SENTENCE_BYTES])
{
	struct nic_before older = {0};
	const char *what = "cannot be used";
	int r = nic_before_get(dir, b->name, say, &older);

	if (r == 0) {
		r = journal_go_on(dir, &older, b);
		nic_before_done(&older);
	} else if (r == -ENOENT || r == -EBADMSG || r == -ESTALE) {
		what = "cannot be written";
		r = journal_write(dir, b);
	}
	if (r < 0)
		snprintf(why, NIC_SENTENCE_BYTES, "%s: the journal in %s %s: %s.", b->name, dir,
			 what, strerrordesc_np(-r));
	return r;
}

int nic_make_ready(const char *dir, const char *nic, const struct nic_queues *queues, nic_say say,
		   char why[NIC_SENTENCE_BYTES])
{
	struct nic_before before;
	struct nic_facts facts;
	int r = nic_gather_named(&facts, nic);

	if (r < 0) {
		snprintf(why, NIC_SENTENCE_BYTES, "%s cannot be looked at: %s.", nic,
			 strerrordesc_np(-r));
		return r;
	}
	snprintf(why, NIC_SENTENCE_BYTES, "Out of memory.");
	r = before_get(&before, &facts, queues, why);
	if (r == 0)
		r = nic_journal_begin(dir, &before, say, why);
	if (r == 0) {
		r = change(&facts, queues, why);
		if (r < 0)
			nic_put_back(dir, nic, say);
	}
	nic_before_done(&before);
	nic_done(&facts);
	return r;
}
