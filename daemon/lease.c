/* SPDX-License-Identifier: MIT */
#include "lease.h"

#include <errno.h>
#include <net/if.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>
#include <time.h>

#include "../nic/nic.h"
#include "config.h"
#include "journal.h"
#include "log.h"
#include "util.h"

/* The kernel lets a queue go some time after its ring is closed. */
#define UNBOUND_TRIES    100
#define UNBOUND_PAUSE_NS 50000000

struct rule {
	LIST_ENTRY(rule) link;
	struct nic_rule match;
	uint32_t location;
};

struct nic {
	const struct config_nic *config;
	pthread_mutex_t lock;
	uint32_t ifindex;
	bool *taken; /* beside config->queues */
	uint32_t leases;
	struct nic_before before;
	LIST_HEAD(, rule) rules;
};

struct lease {
	struct nic *nic;
	uint32_t index; /* in config->queues */
};

static struct {
	const char *dir;
	struct nic *nics;
	uint32_t n;
} all;

/* ---- making ready and putting back ---- */

static void facts_get(struct nic_facts *facts, const char *name, uint32_t ifindex)
{
	struct link_facts link = {.ifindex = ifindex};
	snprintf(link.name, sizeof(link.name), "%s", name);
	nic_gather(facts, &link);
}

static bool bound(const struct nic_facts *facts, const uint32_t *queues, uint32_t n)
{
	for (uint32_t i = 0; i < n; i++) {
		if (queues[i] >= facts->n_queues)
			continue;
		const struct queue_facts *q = &facts->queues[queues[i]];
		if (q->io_uring || q->dmabuf)
			return true;
	}
	return false;
}

/* Until nobody uses these queues any more; not for ever. */
static void unbound_wait(const char *name, const uint32_t *queues, uint32_t n)
{
	uint32_t ifindex = if_nametoindex(name);
	bool busy = true;
	for (int i = 0; busy && i < UNBOUND_TRIES; i++) {
		struct nic_facts facts = {.link.ifindex = ifindex};
		netdev_genl_gather(&facts);
		busy = bound(&facts, queues, n);
		nic_done(&facts);
		if (busy)
			nanosleep(&(struct timespec){.tv_nsec = UNBOUND_PAUSE_NS}, NULL);
	}
	if (busy)
		log_warn("%s: a queue is still in use", name);
}

static void rules_sweep(const struct nic_before *b)
{
	struct nic_rule_at *rules = NULL;
	uint32_t n = 0;
	if (nic_rules_get(b->name, &rules, &n) < 0)
		return;
	for (uint32_t i = 0; i < n; i++)
		for (uint32_t k = 0; k < b->n_queues; k++)
			if (rules[i].queue == b->queues[k])
				nic_rule_del(b->name, rules[i].location);
	free(rules);
}

static void complain(const char *name, const char *what, int r, const char *why)
{
	if (r < 0)
		log_warn("%s: %s could not be put back: %s%s%s", name, what, strerrordesc_np(-r),
			 *why ? ": " : "", why);
}

static void put_back(const struct nic_before *b)
{
	char why[NIC_WHY_BYTES] = "";
	unbound_wait(b->name, b->queues, b->n_queues);
	rules_sweep(b);
	complain(b->name, "the RSS table", nic_rss_set(b->name, b->rss, b->rss_entries), "");
	complain(b->name, "ntuple", nic_ntuple_set(b->name, b->ntuple), "");
	int r = nic_split_set(if_nametoindex(b->name), (enum nic_split)b->split, b->threshold, why);
	complain(b->name, "header split", r, why);
	journal_remove(all.dir, b->name);
}

static void put_back_later(const struct nic_before *b)
{
	if (if_nametoindex(b->name) == 0) {
		log_warn("%s, which an earlier zcrxd changed, is gone", b->name);
		journal_remove(all.dir, b->name);
		return;
	}
	log_info("%s: putting back what an earlier zcrxd changed", b->name);
	put_back(b);
}

/* The table as the driver makes it: then it is to be the driver's again. */
static bool rss_is_default(const uint32_t *table, uint32_t entries, uint32_t queues)
{
	for (uint32_t i = 0; i < entries; i++)
		if (queues == 0 || table[i] != i % queues)
			return false;
	return true;
}

static int before_get(struct nic *nic, const struct nic_facts *facts, char why[LEASE_WHY_BYTES])
{
	const struct config_nic *c = nic->config;
	struct nic_before *b = &nic->before;
	const struct ethtool_facts *e = &facts->ethtool;
	*b = (struct nic_before){
		.split = e->split == TRI_YES  ? NIC_SPLIT_ON
			 : e->split == TRI_NO ? NIC_SPLIT_OFF
					      : NIC_SPLIT_AUTO,
		.threshold = e->thresh_known == TRI_YES ? e->thresh : UINT32_MAX,
		.ntuple = e->ntuple.active,
	};
	snprintf(b->name, sizeof(b->name), "%s", c->name);
	b->queues = calloc(c->n_queues, sizeof(*b->queues));
	if (!b->queues)
		return -ENOMEM;
	memcpy(b->queues, c->queues, c->n_queues * sizeof(*b->queues));
	b->n_queues = c->n_queues;
	int r = nic_rss_get(c->name, &b->rss, &b->rss_entries);
	if (r < 0) {
		snprintf(why, LEASE_WHY_BYTES,
			 "%s has no RSS table: its driver cannot spare a queue.", c->name);
		return r;
	}
	if (rss_is_default(b->rss, b->rss_entries, e->rx_queues)) {
		free(b->rss);
		b->rss = NULL;
		b->rss_entries = 0;
	}
	return 0;
}

static bool ours(const struct config_nic *c, uint32_t queue)
{
	for (uint32_t i = 0; i < c->n_queues; i++)
		if (c->queues[i] == queue)
			return true;
	return false;
}

/* The table without our queues: what went to them goes to the others in turn. */
static int rss_shrink(const struct nic *nic, uint32_t queues, char why[LEASE_WHY_BYTES])
{
	const struct nic_before *b = &nic->before;
	uint32_t *table = NULL, entries = 0, next = 0, others = 0;
	int r = nic_rss_get(b->name, &table, &entries);
	for (uint32_t q = 0; q < queues; q++)
		others += !ours(nic->config, q);
	for (uint32_t i = 0; r == 0 && others && i < entries; i++)
		while (ours(nic->config, table[i]) || table[i] >= queues)
			table[i] = next++ % queues;
	if (r == 0)
		r = others ? nic_rss_set(b->name, table, entries) : -EINVAL;
	if (r < 0)
		snprintf(why, LEASE_WHY_BYTES,
			 "%s: no queue is left for other traffic, or the "
			 "driver refused: %s. Give zcrxd fewer queues in [nic %s].",
			 b->name, strerrordesc_np(-r), b->name);
	free(table);
	return r;
}

static int change(struct nic *nic, const struct nic_facts *facts, char why[LEASE_WHY_BYTES])
{
	const struct nic_before *b = &nic->before;
	char said[NIC_WHY_BYTES] = "";
	int r = nic_split_set(nic->ifindex, NIC_SPLIT_ON,
			      b->threshold == UINT32_MAX ? UINT32_MAX : 0, said);
	if (r < 0) {
		snprintf(why, LEASE_WHY_BYTES, "%s: header split cannot be switched on: %s%s%s.",
			 b->name, strerrordesc_np(-r), *said ? ": " : "", said);
		return r;
	}
	r = nic_ntuple_set(b->name, true);
	if (r < 0) {
		snprintf(why, LEASE_WHY_BYTES, "%s: ntuple rules cannot be switched on: %s.",
			 b->name, strerrordesc_np(-r));
		return r;
	}
	return rss_shrink(nic, facts->ethtool.rx_queues, why);
}

static int make_ready(struct nic *nic, char why[LEASE_WHY_BYTES])
{
	struct nic_facts facts;
	nic->ifindex = if_nametoindex(nic->config->name);
	if (!nic->ifindex) {
		snprintf(why, LEASE_WHY_BYTES, "There is no interface %s.", nic->config->name);
		return -ENODEV;
	}
	facts_get(&facts, nic->config->name, nic->ifindex);
	int r = before_get(nic, &facts, why);
	if (r == 0) {
		r = journal_write(all.dir, &nic->before);
		if (r < 0)
			snprintf(why, LEASE_WHY_BYTES, "The journal cannot be written to %s: %s.",
				 all.dir, strerrordesc_np(-r));
	}
	if (r == 0) {
		r = change(nic, &facts, why);
		if (r < 0)
			put_back(&nic->before);
	}
	if (r < 0)
		nic_before_done(&nic->before);
	nic_done(&facts);
	return r;
}

/* ---- leases ---- */

void leases_init(const struct config_nic *nics, const char *state_dir)
{
	all.dir = state_dir;
	journal_read(state_dir, put_back_later);
	for (const struct config_nic *c = nics; c; c = c->next)
		all.n++;
	all.nics = calloc(all.n + 1, sizeof(*all.nics));
	if (!all.nics)
		all.n = 0;
	uint32_t i = 0;
	for (const struct config_nic *c = nics; c && i < all.n; c = c->next) {
		struct nic *nic = &all.nics[i++];
		nic->config = c;
		nic->taken = calloc(c->n_queues, sizeof(*nic->taken));
		pthread_mutex_init(&nic->lock, NULL);
		LIST_INIT(&nic->rules);
	}
}

void leases_done(void)
{
	for (uint32_t i = 0; i < all.n; i++) {
		struct nic *nic = &all.nics[i];
		if (nic->leases > 0)
			put_back(&nic->before);
		nic_before_done(&nic->before);
		free(nic->taken);
	}
	free(all.nics);
	all.nics = NULL;
	all.n = 0;
}

static int take_of(struct lease **ret, struct nic *nic, char why[LEASE_WHY_BYTES])
{
	uint32_t i = 0;
	while (nic->taken && i < nic->config->n_queues && nic->taken[i])
		i++;
	if (!nic->taken || i == nic->config->n_queues) {
		snprintf(why, LEASE_WHY_BYTES,
			 "All queues of %s that zcrxd may hand out are in use.", nic->config->name);
		return -EBUSY;
	}
	struct lease *l = calloc(1, sizeof(*l));
	int r = l ? 0 : -ENOMEM;
	if (r == 0 && nic->leases == 0)
		r = make_ready(nic, why);
	if (r < 0) {
		free(l);
		return r;
	}
	nic->taken[i] = true;
	nic->leases++;
	*l = (struct lease){.nic = nic, .index = i};
	*ret = l;
	return 0;
}

int lease_take(struct lease **ret, const char *name, char why[LEASE_WHY_BYTES])
{
	int r = -ENODEV;
	snprintf(
		why, LEASE_WHY_BYTES,
		"No receive queue%s%s is zcrxd's to hand out; name some in zcrxd.conf, [nic NAME].",
		*name ? " of " : "", name);
	for (uint32_t i = 0; i < all.n && r < 0; i++) {
		struct nic *nic = &all.nics[i];
		if (*name && strcmp(name, nic->config->name) != 0)
			continue;
		pthread_mutex_lock(&nic->lock);
		r = take_of(ret, nic, why);
		pthread_mutex_unlock(&nic->lock);
	}
	return r;
}

void lease_where(const struct lease *l, uint32_t *ret_ifindex, uint32_t *ret_rxq)
{
	*ret_ifindex = l->nic->ifindex;
	*ret_rxq = l->nic->config->queues[l->index];
}

void lease_end(struct lease *l)
{
	if (!l)
		return;
	struct nic *nic = l->nic;
	pthread_mutex_lock(&nic->lock);
	nic->taken[l->index] = false;
	if (--nic->leases == 0) {
		put_back(&nic->before);
		nic_before_done(&nic->before);
	}
	pthread_mutex_unlock(&nic->lock);
	free(l);
}

int lease_steer(struct lease *l, const struct nic_rule *match, uint32_t *ret_location)
{
	struct nic *nic = l->nic;
	struct rule *rule = calloc(1, sizeof(*rule)), *other;
	if (!rule)
		return -ENOMEM;
	rule->match = *match;
	rule->match.queue = 0;
	pthread_mutex_lock(&nic->lock);
	int r = 0;
	LIST_FOREACH (other, &nic->rules, link)
		if (memcmp(&other->match, &rule->match, sizeof(rule->match)) == 0)
			r = -EALREADY;
	if (r == 0) {
		struct nic_rule there = *match;
		there.queue = nic->config->queues[l->index];
		r = nic_rule_add(nic->config->name, &there, &rule->location);
	}
	if (r == 0) {
		LIST_INSERT_HEAD(&nic->rules, rule, link);
		*ret_location = rule->location;
	}
	pthread_mutex_unlock(&nic->lock);
	if (r < 0)
		free(rule);
	return r;
}

void lease_unsteer(struct lease *l, uint32_t location)
{
	struct nic *nic = l->nic;
	struct rule *rule, *found = NULL;
	pthread_mutex_lock(&nic->lock);
	LIST_FOREACH (rule, &nic->rules, link)
		if (rule->location == location)
			found = rule;
	if (found) {
		nic_rule_del(nic->config->name, location);
		LIST_REMOVE(found, link);
	}
	pthread_mutex_unlock(&nic->lock);
	free(found);
}
