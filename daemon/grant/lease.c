/* SPDX-License-Identifier: MIT */
#include "daemon/grant/lease.h"

#include <errno.h>
#include <inttypes.h>
#include <net/if.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "daemon/grant/account.h"
#include "daemon/grant/leased.h"
#include "daemon/grant/leases.h"
#include "daemon/grant/rates.h"
#include "nic/ethtool.h"
#include "policy/config.h"

static int say_few(const char *name, uint32_t n, char why[NIC_SENTENCE_BYTES])
{
	if (n > 0)
		snprintf(why, NIC_SENTENCE_BYTES,
			 "Only %u queues of %s that zcrxd may hand out to your class are free.", n,
			 name);
	else
		snprintf(why, NIC_SENTENCE_BYTES,
			 "All queues of %s that zcrxd may hand out to your class are in use.",
			 name);
	return -EBUSY;
}

/* Who wants a lease, and whether that lease was counted by the user's rate already. */
struct taker {
	const struct lease_wish *wish;
	bool counted;
	uint64_t wait_ns; /* before it may take what was counted */
	/* Why it had none at the last try: its own leases are too many, or a NIC that has enough
	 * queues for it has too few free ones. */
	bool has_many, finds_few;
};

/*
 * Charges the user the queues, and counts one lease if none was counted yet. Returns 0, -EAGAIN if
 * it has to wait first and is to ask once more, or -EDQUOT.
 */
static int charge(struct taker *t, char why[NIC_SENTENCE_BYTES])
{
	char said[LIMITS_SAID_BYTES];
	const struct lease_wish *wish = t->wish;
	int r = account_hardware(wish->user, wish->n, said);
	bool charged = r == 0;
	t->has_many |= r == -EDQUOT;
	if (charged && !t->counted) {
		t->counted = rates_lease(wish->user, clock_ns(), &t->wait_ns, said);
		r = !t->counted ? -EDQUOT : t->wait_ns > 0 ? -EAGAIN : 0;
	}
	if (r < 0 && charged)
		account_hardware_release(wish->user, wish->n);
	if (r < 0 && r != -EAGAIN)
		snprintf(why, NIC_SENTENCE_BYTES, "%.*s", NIC_SENTENCE_BYTES - 1, said);
	return r;
}

/* Is it a NIC that is asked for, and of which the class may lease any queue? */
static bool is_wanted(const struct leases *nic, const struct lease_wish *wish)
{
	const char *name = nic->config->name;
	return (!*wish->nic || strcmp(wish->nic, name) == 0) && policy_leases(wish->class, name);
}

bool lease_may_be(const struct leases *nic, const struct lease_wish *wish)
{
	return !nic->unready && is_wanted(nic, wish) &&
	       pick_all(&nic->pick, wish->class) >= wish->n;
}

/*
 * Looking at a NIC takes time and locks. So the NIC is looked at only if the class may have enough
 * of its queues, and at the user's rate.
 */
static int may_look(struct leases *nic, struct taker *t, char why[NIC_SENTENCE_BYTES])
{
	const struct lease_wish *wish = t->wish;
	const char *name = nic->config->name;
	if (nic->unready) {
		snprintf(why, NIC_SENTENCE_BYTES, "%s cannot be looked after.", name);
		return -ENOMEM;
	}
	uint32_t n = pick_free(&nic->pick, wish->class);
	if (n >= wish->n)
		return charge(t, why);
	t->finds_few |= lease_may_be(nic, wish);
	return say_few(name, n, why);
}

/* Is the NIC there, and the same one as that of the leases it has? */
static int find(const struct leases *nic, uint32_t *ret_ifindex, char why[NIC_SENTENCE_BYTES])
{
	const char *name = nic->config->name;
	int r = nic_index(name, ret_ifindex);
	if (r == -ENODEV || (r == 0 && nic->n > 0 && *ret_ifindex != nic->ifindex)) {
		snprintf(why, NIC_SENTENCE_BYTES, "The interface %s is gone.", name);
		return -ENODEV;
	}
	if (r < 0)
		snprintf(why, NIC_SENTENCE_BYTES, "The interface %s cannot be looked at: %s.", name,
			 strerrordesc_np(-r));
	return r;
}

static int take_of(struct lease *l, struct taker *t, char why[NIC_SENTENCE_BYTES])
{
	const struct lease_wish *wish = t->wish;
	struct leases *nic = l->nic;
	uint32_t ifindex;
	if (nic->over) {
		snprintf(why, NIC_SENTENCE_BYTES,
			 "zcrxd is shutting down and leases no more queues.");
		return -ESHUTDOWN;
	}
	int r = find(nic, &ifindex, why);
	if (r == 0)
		r = may_look(nic, t, why);
	bool charged = r == 0;
	if (r == 0)
		r = pick_queues(&nic->pick, &nic->guard, ifindex, nic->left_behind, &l->guarded,
				why);
	/* A NIC that was made ready before may have been changed since, or another card may have
	 * its name. */
	if (r == 0 && nic->n == 0)
		r = leases_make_ready(nic, why);
	if (r < 0) {
		account_hardware_release(wish->user, charged ? wish->n : 0);
		return r;
	}
	l->user = user_ref(wish->user);
	leases_add(nic, &l->guarded, ifindex);
	return 0;
}

/* Another NIC would be refused as well, and asking for it would cost the user one more lease. */
static bool is_final(int r)
{
	return r == -EDQUOT || r == -ESHUTDOWN;
}

static void wait_for(uint64_t ns)
{
	nanosleep(&(struct timespec){.tv_sec = (time_t)(ns / NS_A_SECOND),
				     .tv_nsec = (long)(ns % NS_A_SECOND)},
		  NULL);
}

/* Others may ask for the same NIC while this one waits for the user's rate. */
static int take_when_due(struct lease *l, struct taker *t, char why[NIC_SENTENCE_BYTES])
{
	struct leases *nic = l->nic;
	int r;
	*l = (struct lease){.nic = nic, .guarded = {.n = t->wish->n, .poke = t->wish->poke}};
	do {
		wait_for(t->wait_ns);
		t->wait_ns = 0;
		pthread_mutex_lock(&nic->guard.lock);
		r = take_of(l, t, why);
		pthread_mutex_unlock(&nic->guard.lock);
	} while (r == -EAGAIN && t->wait_ns > 0);
	return r;
}

/* Tries each NIC of that name. r: the error if there is none. */
static int take_any(struct lease *l, struct taker *t, int r, char why[NIC_SENTENCE_BYTES])
{
	t->has_many = t->finds_few = false;
	for (uint32_t i = 0; r < 0 && !is_final(r) && (l->nic = leases_at(i)); i++)
		if (is_wanted(l->nic, t->wish))
			r = take_when_due(l, t, why);
	return r;
}

/* The kernel lets go of a queue that was given back a moment later; that is waited for. */
static int take_or_wait(struct lease *l, struct taker *t, int none, char why[NIC_SENTENCE_BYTES])
{
	uint64_t until_ns = clock_ns() + LEASE_WAIT_MAX_NS, before;
	int r;
	do {
		before = leases_left();
		r = take_any(l, t, none, why);
	} while (r < 0 && (t->has_many || t->finds_few) && clock_ns() < until_ns &&
		 leases_wait_leaving(t->wish, t->has_many, before));
	return r;
}

int lease_take(struct lease **ret, const struct lease_wish *wish, char why[NIC_SENTENCE_BYTES])
{
	const char *name = wish->nic;
	int r = leases_has(name) ? -EACCES : -ENODEV;
	struct lease *l = calloc(1, sizeof(*l));
	if (!l) {
		snprintf(why, NIC_SENTENCE_BYTES, "zcrxd is out of memory.");
		return -ENOMEM;
	}
	snprintf(why, NIC_SENTENCE_BYTES, r == -ENODEV ? POLICY_NO_QUEUES : POLICY_MAY_NOT_LEASE,
		 *name ? " of " : "", name);
	r = take_or_wait(l, &(struct taker){.wish = wish}, r, why);
	if (r < 0)
		free(l);
	else
		*ret = l;
	return r;
}

int lease_again(struct lease **ret, const struct lease_was *was)
{
	struct leases *nic = leases_of(was->nic);
	if (!nic || nic->unready)
		return -ENODEV;
	if (was->n == 0 || was->n > LEASE_QUEUES_MAX)
		return -EINVAL;
	struct lease *l = calloc(1, sizeof(*l));
	if (!l)
		return -ENOMEM;
	*l = (struct lease){.nic = nic, .guarded = {.n = was->n, .poke = was->poke}};
	memcpy(l->guarded.rxqs, was->rxqs, was->n * sizeof(*was->rxqs));
	pthread_mutex_lock(&nic->guard.lock);
	/* All leases of a NIC are of the same card: the first lease says which. */
	int r = nic->n > 0 && nic->ifindex != was->ifindex
			? -ENODEV
			: pick_again(&nic->pick, was->rxqs, was->n);
	if (r == 0) {
		l->user = user_ref(was->user);
		account_hardware_take(l->user, was->n);
		leases_add(nic, &l->guarded, was->ifindex);
	}
	pthread_mutex_unlock(&nic->guard.lock);
	if (r < 0)
		free(l);
	else
		*ret = l;
	return r;
}

const char *lease_name(const struct lease *l)
{
	return l->nic->config->name;
}

void lease_where(const struct lease *l, uint32_t *ret_ifindex, const uint32_t **ret_rxqs,
		 uint32_t *ret_n)
{
	*ret_ifindex = l->nic->ifindex;
	*ret_rxqs = l->guarded.rxqs;
	*ret_n = l->guarded.n;
}

bool lease_has_news(struct lease *l)
{
	return guarded_has_news(&l->guarded);
}

uint32_t lease_lost(const struct lease *l, const char **ret_why)
{
	return guarded_lost(&l->guarded, ret_why);
}

int lease_steer(struct lease *l, const struct nic_rule *match, const struct nic_place *place,
		struct lease_rule **ret)
{
	struct leases *nic = l->nic;
	struct nic_rule rule = *match;
	rule.queue = l->guarded.rxqs[l->next];
	pthread_mutex_lock(&nic->guard.lock);
	int r = nic->over ? -ESHUTDOWN
			  : guard_rule_add(&nic->guard, &l->guarded, &rule, place, ret);
	if (r == 0)
		l->next = (l->next + 1) % l->guarded.n;
	pthread_mutex_unlock(&nic->guard.lock);
	return r;
}

static bool has_queue(const struct lease *l, uint32_t queue)
{
	for (uint32_t i = 0; i < l->guarded.n; i++)
		if (l->guarded.rxqs[i] == queue)
			return true;
	return false;
}

int lease_steer_again(struct lease *l, const struct nic_rule *match, const struct nic_place *place,
		      bool told, struct lease_rule **ret)
{
	struct guard *g = &l->nic->guard;
	if (!has_queue(l, match->queue))
		return -EINVAL;
	pthread_mutex_lock(&g->lock);
	int r = rules_again(&g->rules, match, place, told, &l->guarded, ret);
	pthread_mutex_unlock(&g->lock);
	return r;
}

void lease_unsteer(struct lease *l, struct lease_rule *rule)
{
	struct leases *nic = l->nic;
	pthread_mutex_lock(&nic->guard.lock);
	guard_rule_del(&nic->guard, rule);
	pthread_mutex_unlock(&nic->guard.lock);
}

/* A NIC is not away, as a broker may be. */
int lease_unsteer_later(struct lease *l, struct lease_rule *rule)
{
	lease_unsteer(l, rule);
	return 0;
}

bool lease_unsteered(struct lease *l, struct lease_rule *rule)
{
	(void)l, (void)rule;
	return true;
}
