/* SPDX-License-Identifier: MIT */
#include "daemon/grant/guard.h"

#include <errno.h>
#include <net/if.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/size.h"
#include "daemon/common/log.h"
#include "daemon/grant/log_client.h"
#include "nic/ethtool.h"
#include "proto/reason.h"

#define STACK_BYTES    (256u << 10)
#define NS_A_MS        1000000ull
#define SETTLE_MS      20u   /* changes come in bursts */
#define POLL_MS        2000u /* of what the kernel does not tell */
#define IDLE_PARTS     50u   /* so many times as long as a look took is waited for the next one */
#define BUSY_PARTS     4u    /* so many times as long while the kernel tells of changes */
#define IDLE_MOST_MS   5000u /* ... but no longer: meanwhile nobody looks */
#define BUSY_MOST_MS   1000u
#define UNLOCKED_TRIES 3

struct facts {
	struct nic_steering steering;
	struct nic_own_rule *own;
	uint32_t n;
};

/* told: to the client, who is not to learn addresses and ports of others. */
static void lose(struct guard *g, struct guarded *lease, uint32_t reason, const char *told,
		 const char *logged)
{
	if (guarded_lose(lease, reason, told))
		log_warn("%s: a lease is lost: %s", g->nic, logged);
}

/* Where the rules' addresses are now; where that cannot be told it is taken to be unchanged. */
static void places_gather(const struct guard *g, struct facts *f)
{
	struct nic_places *places = NULL;
	int r = f->n > 0 ? nic_places_open(&places) : 0;
	for (uint32_t i = 0; i < f->n; i++) {
		struct nic_own_rule *own = &f->own[i];
		own->now = own->judged;
		if (r == 0)
			nic_place_find(places, g->nic, own->rule.family, own->rule.local,
				       &own->now);
	}
	nic_places_close(places);
}

static void facts_gather(const struct guard *g, uint32_t ifindex, struct facts *f)
{
	nic_steering_gather(&f->steering, g->nic, ifindex);
	places_gather(g, f);
}

static void facts_done(struct facts *f)
{
	nic_steering_done(&f->steering);
	free(f->own);
	*f = (struct facts){0};
}

static bool facts_copy(const struct guard *g, struct facts *f)
{
	*f = (struct facts){.own = rules_copy(&g->rules), .n = g->rules.n};
	return f->own != NULL;
}

/* A NIC without rules has none of others'. */
static int facts_error(const struct facts *f)
{
	int rules = f->steering.rules_err == -EOPNOTSUPP ? 0 : f->steering.rules_err;
	return f->steering.rss_err ? f->steering.rss_err : rules;
}

/* The table that everything goes by but what rules steer: our queues leave it again. */
static bool table_mend(const struct guard *g, const struct facts *f)
{
	const struct nic_table *table = nic_steering_table(&f->steering, 0);
	bool gone = false, in_table = false;
	for (uint32_t i = 0; i < f->n; i++)
		gone |= f->own[i].state == NIC_OWN_GONE;
	for (uint32_t i = 0; i < g->queues->n; i++)
		in_table |= nic_table_has(table, g->queues->ids[i]);
	if (!gone && !in_table)
		return true;
	int r = nic_keep_ready(g->nic, g->queues);
	if (r > 0)
		log_warn("%s: somebody changed its RSS table or ntuple rules; zcrxd's queues are "
			 "its own again",
			 g->nic);
	return r >= 0;
}

static void sentence(const struct guard *g, const struct nic_intruder *i,
		     char told[NIC_SENTENCE_BYTES])
{
	char text[NIC_INTRUDER_BYTES];
	nic_intruder_number(i, text);
	snprintf(told, NIC_SENTENCE_BYTES, "%s: %s.", g->nic, text);
}

/* The first that counts. False: there is none. */
static bool intruder_find(const struct facts *f, uint32_t queue, bool table_counts,
			  struct nic_intruder *ret)
{
	struct nic_intruder found[2];
	uint32_t n = nic_intruders(&f->steering, queue, found, ARRAY_LENGTH(found));
	for (uint32_t i = 0; i < n && i < ARRAY_LENGTH(found); i++) {
		if (found[i].kind == NIC_INTRUDER_TABLE && !table_counts)
			continue;
		*ret = found[i];
		return true;
	}
	return false;
}

static void leases_judge(struct guard *g, const struct facts *f, bool table_is_right)
{
	struct nic_intruder intruder;
	char told[NIC_SENTENCE_BYTES], whole[NIC_INTRUDER_BYTES];
	struct guarded *lease;
	LIST_FOREACH (lease, &g->leases, link)
		for (uint32_t i = 0; i < lease->n; i++) {
			if (!intruder_find(f, lease->rxqs[i], !table_is_right, &intruder))
				continue;
			sentence(g, &intruder, told);
			nic_intruder_text(&intruder, whole);
			lose(g, lease, REASON_INTRUDER, told, whole);
		}
}

static void act(struct guard *g, struct facts *f)
{
	int error = facts_error(f);
	if (error && !g->blind)
		log_warn("%s: its RSS tables and ntuple rules cannot be read: %s; whether others' "
			 "packets come to zcrxd's queues is not known",
			 g->nic, strerrordesc_np(-error));
	g->blind = error != 0;
	if (error)
		return;
	nic_exclusive_judge(&f->steering, f->own, f->n);
	bool table_is_right = table_mend(g, f);
	rules_mend(&g->rules, f->own);
	leases_judge(g, f, table_is_right);
}

static bool is_gone(struct guard *g)
{
	const char *text = reason_text(REASON_NIC_GONE);
	struct guarded *lease;
	uint32_t ifindex;
	int r = nic_index(g->nic, &ifindex);
	/* Where it cannot be told, as without file descriptors, the next look will. */
	if (r == 0 ? ifindex == g->ifindex : r != -ENODEV)
		return false;
	LIST_FOREACH (lease, &g->leases, link)
		lose(g, lease, REASON_NIC_GONE, text, text);
	return true;
}

static void gather(struct guard *g, struct facts *f, bool locked)
{
	uint32_t ifindex = g->ifindex;
	if (!locked)
		pthread_mutex_unlock(g->lock);
	uint64_t begin = clock_ns();
	facts_gather(g, ifindex, f);
	g->cost_ms = (clock_ns() - begin) / NS_A_MS;
	if (!locked)
		pthread_mutex_lock(g->lock);
}

/* False: what was gathered without the lock does not count, since rules or leases came or went. */
static bool look_once(struct guard *g, bool locked)
{
	struct facts f;
	bool done = true;
	pthread_mutex_lock(g->lock);
	if (!LIST_EMPTY(&g->leases) && !is_gone(g) && facts_copy(g, &f)) {
		uint64_t changes = g->changes;
		gather(g, &f, locked);
		done = changes == g->changes;
		if (done && !is_gone(g))
			act(g, &f);
		facts_done(&f);
	}
	pthread_mutex_unlock(g->lock);
	return done;
}

/* Others wait for the lock: it is kept only where something changes all the time. */
static void look(struct guard *g)
{
	for (int i = 0; i < UNLOCKED_TRIES; i++)
		if (look_once(g, false))
			return;
	look_once(g, true);
}

static bool any_leases(struct guard *g)
{
	pthread_mutex_lock(g->lock);
	bool any = !LIST_EMPTY(&g->leases);
	pthread_mutex_unlock(g->lock);
	return any;
}

static uint64_t wait_ms(uint64_t least, uint64_t more, uint64_t most)
{
	return least + more < most ? least + more : most;
}

static void rest(uint64_t ms)
{
	nanosleep(&(struct timespec){.tv_sec = (time_t)(ms / 1000),
				     .tv_nsec = (long)(ms % 1000 * NS_A_MS)},
		  NULL);
}

static void *run(void *data)
{
	struct guard *g = data;
	struct pollfd wake = {.fd = g->wake, .events = POLLIN};
	eventfd_t count;
	while (!__atomic_load_n(&g->stop, __ATOMIC_ACQUIRE)) {
		int wait = any_leases(g)
				   ? (int)wait_ms(POLL_MS, g->cost_ms * IDLE_PARTS, IDLE_MOST_MS)
				   : -1;
		int n = poll(&wake, 1, wait);
		if (__atomic_load_n(&g->stop, __ATOMIC_ACQUIRE))
			break;
		if (n > 0)
			rest(wait_ms(SETTLE_MS, g->cost_ms * BUSY_PARTS, BUSY_MOST_MS));
		eventfd_read(g->wake, &count);
		look(g);
	}
	return NULL;
}

int guard_init(struct guard *g, const char *nic, const struct nic_queues *queues,
	       pthread_mutex_t *lock)
{
	pthread_attr_t attributes;
	*g = (struct guard){.nic = nic, .queues = queues, .lock = lock};
	rules_init(&g->rules, nic);
	LIST_INIT(&g->leases);
	g->wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (g->wake < 0)
		return -errno;
	pthread_attr_init(&attributes);
	pthread_attr_setstacksize(&attributes, STACK_BYTES);
	int r = -pthread_create(&g->thread, &attributes, run, g);
	pthread_attr_destroy(&attributes);
	g->is_thread = r == 0;
	return r;
}

void guard_done(struct guard *g)
{
	__atomic_store_n(&g->stop, true, __ATOMIC_RELEASE);
	guard_look(g);
	if (g->is_thread)
		pthread_join(g->thread, NULL);
	g->is_thread = false;
}

void guard_look(struct guard *g)
{
	eventfd_write(g->wake, 1);
}

/* They will be deleted as those of a zcrxd that died (nic/restore.h). */
static void plain_rules_take(struct nic_steering *s)
{
	struct nic_rule plain;
	for (uint32_t i = 0; i < s->n_rules; i++)
		s->rules[i].own |= nic_rule_is_plain(&s->rules[i], &plain);
}

/* What a client is refused for is logged with the addresses that it is not told. */
static bool is_reached(struct guard *g, const struct facts *f, uint32_t queue,
		       char told[NIC_SENTENCE_BYTES])
{
	struct nic_intruder intruder;
	char whole[NIC_INTRUDER_BYTES];
	if (rules_left(&g->rules, queue)) {
		snprintf(told, NIC_SENTENCE_BYTES,
			 "%s: an ntuple rule of zcrxd's that cannot be deleted yet steers to "
			 "queue %u.",
			 g->nic, queue);
		return true;
	}
	if (!intruder_find(f, queue, false, &intruder))
		return false;
	sentence(g, &intruder, told);
	nic_intruder_text(&intruder, whole);
	log_client(6, geteuid(), "", LOG_RULES, "%s: a queue is not leased: %s", g->nic, whole);
	return true;
}

int guard_survey(struct guard *g, uint32_t ifindex, bool left_behind, bool *asked,
		 char why[NIC_SENTENCE_BYTES])
{
	char told[NIC_SENTENCE_BYTES];
	struct facts f;
	*why = '\0';
	g->changes++; /* rules that could not be deleted may go */
	if (!facts_copy(g, &f))
		return -ENOMEM;
	nic_steering_gather(&f.steering, g->nic, ifindex);
	int r = facts_error(&f);
	if (r == 0)
		nic_exclusive_judge(&f.steering, f.own, f.n);
	if (left_behind)
		plain_rules_take(&f.steering);
	for (uint32_t i = 0; i < g->queues->n && r == 0; i++) {
		asked[i] = asked[i] && is_reached(g, &f, g->queues->ids[i], told);
		if (asked[i] && !*why)
			memcpy(why, told, sizeof(told));
	}
	facts_done(&f);
	return r;
}

void guard_add(struct guard *g, struct guarded *lease, uint32_t ifindex)
{
	g->ifindex = ifindex;
	g->changes++;
	LIST_INSERT_HEAD(&g->leases, lease, link);
	guard_look(g);
}

void guard_remove(struct guard *g, struct guarded *lease)
{
	g->changes++;
	LIST_REMOVE(lease, link);
}

int guard_rule_add(struct guard *g, struct guarded *lease, const struct nic_rule *match,
		   const struct nic_place *place, struct lease_rule **ret)
{
	g->changes++;
	return rules_add(&g->rules, match, place, lease, ret);
}

void guard_rule_del(struct guard *g, struct lease_rule *rule)
{
	g->changes++;
	rules_del(&g->rules, rule);
}
