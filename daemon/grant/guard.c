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
#include "daemon/common/log.h"
#include "daemon/grant/facts.h"
#include "daemon/grant/log_client.h"
#include "nic/ethtool.h"
#include "proto/reason.h"

#define STACK_BYTES    (256u << 10)
#define UNLOCKED_TRIES 3

/*
 * The waits between two looks. Each gets longer with the time that the last look took, up to a
 * limit, since nobody looks meanwhile.
 */
#define SETTLE_MS   20u   /* after the kernel told of a change: changes come in bursts */
#define BUSY_PARTS  4u    /* ... and this many times as long as the last look took, */
#define BUSY_MAX_MS 1000u /* ... at most so long */
#define POLL_MS     2000u /* if the kernel told of none: it does not tell of all */
#define IDLE_PARTS  50u   /* ... and this many times as long as the last look took, */
#define IDLE_MAX_MS 5000u /* ... at most so long */

/*
 * The lease is lost. The client reads `told`, in which there are no addresses and ports of others;
 * the log has `logged`.
 */
static void lose(struct guard *g, struct guarded *lease, uint32_t reason, const char *told,
		 const char *logged)
{
	if (guarded_lose(lease, reason, told))
		log_warn("%s: a lease is lost: %s", g->nic, logged);
}

/*
 * The RSS table spreads all packets that no rule steers. If somebody put zcrxd's queues into it
 * they are taken out again. Returns false if that failed.
 */
static bool table_mend(const struct guard *g, const struct facts *f)
{
	const struct nic_table *table = nic_steering_table(&f->steering, 0);
	bool gone = false, in_table = false;
	for (uint32_t i = 0; i < f->n_own; i++)
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

static void leases_judge(struct guard *g, const struct facts *f, bool table_is_right)
{
	struct nic_intruder intruder;
	char told[NIC_SENTENCE_BYTES], whole[NIC_INTRUDER_BYTES];
	struct guarded *lease;
	LIST_FOREACH (lease, &g->leases, link)
		for (uint32_t i = 0; i < lease->n; i++) {
			if (!facts_intruder(f, lease->rxqs[i], !table_is_right, &intruder))
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
	nic_exclusive_judge(&f->steering, f->own, f->n_own);
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
	/* If that cannot be told, for want of a file descriptor perhaps, the next look tells. */
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
		pthread_mutex_unlock(&g->lock);
	uint64_t begin = clock_ns();
	facts_gather(f, g->nic, ifindex);
	facts_gather_places(f, g->nic);
	facts_gather_sockets(f);
	g->cost_ms = (clock_ns() - begin) / NS_A_MS;
	if (!locked)
		pthread_mutex_lock(&g->lock);
}

/*
 * Gathers the facts and acts on them. Returns false if they do not count: rules or leases came or
 * went while they were gathered without the lock.
 */
static bool look_once(struct guard *g, bool locked)
{
	struct facts f;
	bool done = true;
	pthread_mutex_lock(&g->lock);
	if (g->begun && !LIST_EMPTY(&g->leases) && !is_gone(g) && facts_begin(&f, &g->rules) == 0) {
		uint64_t changes = g->changes;
		gather(g, &f, locked);
		done = changes == g->changes;
		if (done && !is_gone(g))
			act(g, &f);
		facts_done(&f);
	}
	pthread_mutex_unlock(&g->lock);
	return done;
}

/* Others wait for the lock, so it is kept only if something changes all the time. */
static void look(struct guard *g)
{
	for (int i = 0; i < UNLOCKED_TRIES; i++)
		if (look_once(g, false))
			return;
	look_once(g, true);
}

static bool any_leases(struct guard *g)
{
	pthread_mutex_lock(&g->lock);
	bool any = !LIST_EMPTY(&g->leases);
	pthread_mutex_unlock(&g->lock);
	return any;
}

static uint64_t wait_ms(uint64_t least, uint64_t more, uint64_t max)
{
	return least + more < max ? least + more : max;
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
				   ? (int)wait_ms(POLL_MS, g->cost_ms * IDLE_PARTS, IDLE_MAX_MS)
				   : -1;
		int n = poll(&wake, 1, wait);
		if (__atomic_load_n(&g->stop, __ATOMIC_ACQUIRE))
			break;
		if (n > 0)
			rest(wait_ms(SETTLE_MS, g->cost_ms * BUSY_PARTS, BUSY_MAX_MS));
		eventfd_read(g->wake, &count);
		look(g);
	}
	return NULL;
}

int guard_init(struct guard *g, const char *nic, const struct nic_queues *queues)
{
	pthread_attr_t attributes;
	*g = (struct guard){.nic = nic, .queues = queues};
	pthread_mutex_init(&g->lock, NULL);
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

void guard_begin(struct guard *g)
{
	g->begun = true;
	guard_look(g);
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

/*
 * Are packets of others led to the queue? Then the client is told by whom, and the log has the
 * addresses, too, which the client is not told.
 */
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
	if (!facts_intruder(f, queue, false, &intruder))
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
	g->changes++; /* rules_left() may delete rules */
	int r = facts_begin(&f, &g->rules);
	if (r < 0)
		return r;
	facts_gather(&f, g->nic, ifindex);
	r = facts_error(&f);
	if (r == 0)
		nic_exclusive_judge(&f.steering, f.own, f.n_own);
	if (left_behind)
		facts_adopt(&f);
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
