/* SPDX-License-Identifier: MIT */
#include "lease.h"

#include <errno.h>
#include <net/if.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>

#include "config.h"
#include "log.h"
#include "util.h"

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

static void say(bool trouble, const char *line)
{
	if (trouble)
		log_warn("%s", line);
	else
		log_info("%s", line);
}

void leases_init(const struct config_nic *nics, const char *state_dir)
{
	all.dir = state_dir;
	nic_put_back_all(state_dir, say);
	for (const struct config_nic *c = nics; c; c = c->next)
		all.n++;
	all.nics = calloc(all.n + 1, sizeof(*all.nics));
	if (!all.nics)
		all.n = 0;
	uint32_t i = 0;
	for (const struct config_nic *c = nics; c && i < all.n; c = c->next) {
		struct nic *nic = &all.nics[i++];
		nic->config = c;
		nic->taken = calloc(c->queues.n + 1, sizeof(*nic->taken));
		pthread_mutex_init(&nic->lock, NULL);
		LIST_INIT(&nic->rules);
	}
}

bool leases_any(void)
{
	return all.n > 0;
}

void leases_done(void)
{
	nic_put_back_all(all.dir, say);
	for (uint32_t i = 0; i < all.n; i++)
		free(all.nics[i].taken);
	free(all.nics);
	all.nics = NULL;
	all.n = 0;
}

static int take_of(struct lease **ret, struct nic *nic, char why[NIC_SENTENCE_BYTES])
{
	const struct config_nic *c = nic->config;
	uint32_t i = 0;
	while (nic->taken && i < c->queues.n && nic->taken[i])
		i++;
	if (!nic->taken || i == c->queues.n) {
		snprintf(why, NIC_SENTENCE_BYTES,
			 "All queues of %s that zcrxd may hand out are in use.", c->name);
		return -EBUSY;
	}
	uint32_t ifindex = if_nametoindex(c->name);
	if (!ifindex || (nic->leases > 0 && ifindex != nic->ifindex)) {
		snprintf(why, NIC_SENTENCE_BYTES, "The interface %s is gone.", c->name);
		return -ENODEV;
	}
	struct lease *l = calloc(1, sizeof(*l));
	int r = l ? 0 : -ENOMEM;
	if (r == 0 && nic->leases == 0)
		r = nic_make_ready(all.dir, c->name, &c->queues, why);
	if (r < 0) {
		free(l);
		return r;
	}
	nic->ifindex = ifindex;
	nic->taken[i] = true;
	nic->leases++;
	*l = (struct lease){.nic = nic, .index = i};
	*ret = l;
	return 0;
}

int lease_take(struct lease **ret, const char *name, char why[NIC_SENTENCE_BYTES])
{
	int r = -ENODEV;
	snprintf(
		why, NIC_SENTENCE_BYTES,
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

static uint32_t rxq(const struct lease *l)
{
	return l->nic->config->queues.ids[l->index];
}

const char *lease_name(const struct lease *l)
{
	return l->nic->config->name;
}

void lease_where(const struct lease *l, uint32_t *ret_ifindex, uint32_t *ret_rxq)
{
	*ret_ifindex = l->nic->ifindex;
	*ret_rxq = rxq(l);
}

void lease_end(struct lease *l)
{
	if (!l)
		return;
	struct nic *nic = l->nic;
	pthread_mutex_lock(&nic->lock);
	nic->taken[l->index] = false;
	if (--nic->leases == 0)
		nic_put_back(all.dir, nic->config->name, say);
	pthread_mutex_unlock(&nic->lock);
	free(l);
}

int lease_check(struct lease *l)
{
	struct nic *nic = l->nic;
	const struct config_nic *c = nic->config;
	if (if_nametoindex(c->name) != nic->ifindex)
		return -ENODEV;
	pthread_mutex_lock(&nic->lock);
	int r = nic_keep_ready(c->name, &c->queues);
	pthread_mutex_unlock(&nic->lock);
	if (r > 0)
		log_warn("%s: somebody spread other traffic over zcrxd's queues; taken back",
			 c->name);
	return r == -ENODEV ? r : 0;
}

static struct rule *rule_find(const struct nic *nic, const struct nic_rule *match)
{
	struct rule *rule;
	LIST_FOREACH (rule, &nic->rules, link)
		if (nic_rule_same(&rule->match, match))
			return rule;
	return NULL;
}

int lease_steer(struct lease *l, const struct nic_rule *match, uint32_t *ret_location)
{
	struct nic *nic = l->nic;
	struct rule *rule = calloc(1, sizeof(*rule));
	if (!rule)
		return -ENOMEM;
	rule->match = *match;
	rule->match.queue = rxq(l);
	pthread_mutex_lock(&nic->lock);
	int r = rule_find(nic, match)
			? -EALREADY
			: nic_rule_add(nic->config->name, &rule->match, &rule->location);
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
