/* SPDX-License-Identifier: MIT */
#include "daemon/grant/leaving.h"

#include <errno.h>
#include <stdio.h>
#include <unistd.h>

#include "base/clock.h"
#include "daemon/grant/guarded.h"
#include "daemon/grant/log_client.h"
#include "daemon/grant/process.h"
#include "nic/bound.h"
#include "nic/nic.h"

/* Between two questions; each is twice as long as the one before. */
#define PAUSE_MIN_NS (10 * NS_A_MS)
#define PAUSE_MAX_NS (2 * NS_A_SECOND)
#define FRESH_NS     (5 * NS_A_MS)      /* for so long an answer is good for all who wait */
#define YOUNG_NS     (2 * NS_A_SECOND)  /* for so long the kernel may need, on a busy machine */
#define TELL_NS      (10 * NS_A_SECOND) /* then the log says so */

void leavings_init(struct leavings *all, const char *nic)
{
	*all = (struct leavings){.nic = nic};
	LIST_INIT(&all->list);
}

static void look_soon(struct leavings *all)
{
	all->pause_ns = PAUSE_MIN_NS;
	__atomic_store_n(&all->at_ns, clock_ns() + PAUSE_MIN_NS, __ATOMIC_RELEASE);
}

void leaving_add(struct leavings *all, struct leaving *x)
{
	x->since_ns = clock_ns();
	LIST_INSERT_HEAD(&all->list, x, link);
	look_soon(all);
}

/* The last hand that was to register the queues may do so as long as there is its process. */
static bool hand_lives(struct leaving *x)
{
	if (x->hand && process_lives(x->hand, x->hand_started))
		return true;
	x->hand = 0;
	return false;
}

static bool is_held(struct leaving *x, const struct nic_facts *facts)
{
	uint32_t rxqs[LEASE_QUEUES_MAX];
	const struct nic_queues queues = {.ids = rxqs, .n = x->guarded->n};
	for (uint32_t i = 0; i < queues.n; i++)
		rxqs[i] = x->guarded->rxqs[i];
	int r = nic_facts_bound(facts, &queues);
	__atomic_store_n(&x->bound, r > 0, __ATOMIC_RELAXED);
	return r != 0 && r != -ENODEV;
}

static void tell(const struct leavings *all, struct leaving *x, bool hand)
{
	char queues[LEASE_QUEUES_MAX * sizeof(" 4294967295")] = "";
	uint32_t n = x->guarded->n;
	if (x->told || clock_ns() - x->since_ns < TELL_NS)
		return;
	x->told = true;
	for (uint32_t i = 0, at = 0; i < n; i++)
		at += (uint32_t)snprintf(queues + at, sizeof(queues) - at, " %u",
					 x->guarded->rxqs[i]);
	log_client(4, geteuid(), "", LOG_RULES,
		   "%s: queue%s%s, given back %u s ago, cannot be leased yet: %s", all->nic,
		   n == 1 ? "" : "s", queues, (unsigned)(TELL_NS / NS_A_SECOND),
		   hand ? "the zcrx-hand of that lease has not ended"
			: "the kernel has not let go");
}

/*
 * The hands are looked at before the kernel is asked: one that has just ended may have registered
 * its queues. The kernel is asked once about all of them.
 */
static void ask(struct leavings *all, uint32_t ifindex, void (*over)(struct leaving *x))
{
	struct nic_facts facts = {.link.ifindex = ifindex};
	struct leaving *x, *next;
	LIST_FOREACH (x, &all->list, link)
		x->hand_lives = hand_lives(x);
	netdev_genl_queues(&facts);
	all->asked_ns = clock_ns();
	for (x = LIST_FIRST(&all->list); x; x = next) {
		next = LIST_NEXT(x, link);
		if (x->hand_lives || is_held(x, &facts)) {
			tell(all, x, x->hand_lives);
			continue;
		}
		LIST_REMOVE(x, link);
		over(x);
	}
	nic_done(&facts);
	if (LIST_EMPTY(&all->list))
		__atomic_store_n(&all->at_ns, 0, __ATOMIC_RELEASE);
}

void leavings_ask(struct leavings *all, uint32_t ifindex, void (*over)(struct leaving *x))
{
	if (!LIST_EMPTY(&all->list) && clock_ns() - all->asked_ns >= FRESH_NS)
		ask(all, ifindex, over);
}

void leavings_look(struct leavings *all, uint32_t ifindex, void (*over)(struct leaving *x))
{
	if (!LIST_EMPTY(&all->list))
		ask(all, ifindex, over);
	if (LIST_EMPTY(&all->list))
		return;
	uint64_t at_ns = clock_ns() + all->pause_ns, longer_ns = 2 * all->pause_ns;
	all->pause_ns = longer_ns < PAUSE_MAX_NS ? longer_ns : PAUSE_MAX_NS;
	__atomic_store_n(&all->at_ns, at_ns, __ATOMIC_RELEASE);
}

uint64_t leavings_at(const struct leavings *all)
{
	uint64_t at_ns = __atomic_load_n(&all->at_ns, __ATOMIC_ACQUIRE);
	return at_ns ? at_ns : UINT64_MAX;
}

bool leaving_is_young(const struct leaving *x)
{
	return clock_ns() - x->since_ns < YOUNG_NS;
}
