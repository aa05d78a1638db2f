/* SPDX-License-Identifier: MIT */
#include "daemon/grant/leaving.h"

#include <errno.h>
#include <poll.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fd.h"
#include "daemon/grant/guarded.h"
#include "daemon/grant/log_client.h"
#include "nic/bound.h"

/* Between two questions; each is twice as long as the one before. */
#define PAUSE_MIN_NS (10 * NS_A_MS)
#define PAUSE_MAX_NS (2 * NS_A_SECOND)
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
	struct pollfd exit = {.fd = x->hand, .events = POLLIN};
	if (x->hand < 0)
		return false;
	if (poll(&exit, 1, 0) == 0)
		return true;
	x->hand = fd_close(x->hand);
	return false;
}

static bool is_held(struct leaving *x, uint32_t ifindex)
{
	uint32_t rxqs[LEASE_QUEUES_MAX];
	const struct nic_queues queues = {.ids = rxqs, .n = x->guarded->n};
	for (uint32_t i = 0; i < queues.n; i++)
		rxqs[i] = x->guarded->rxqs[i];
	int r = nic_queues_bound(ifindex, &queues);
	__atomic_store_n(&x->bound, r > 0, __ATOMIC_RELAXED);
	return r != 0 && r != -ENODEV;
}

static void tell(const struct leavings *all, struct leaving *x)
{
	if (x->told || clock_ns() - x->since_ns < TELL_NS)
		return;
	x->told = true;
	log_client(
		4, geteuid(), "", LOG_RULES,
		"%s: queue %u was given back %u s ago, and the kernel has not let go of it; it is "
		"not leased until then",
		all->nic, x->guarded->rxqs[0], (unsigned)(TELL_NS / NS_A_SECOND));
}

void leavings_look(struct leavings *all, uint32_t ifindex, void (*over)(struct leaving *x))
{
	struct leaving *x, *next;
	for (x = LIST_FIRST(&all->list); x; x = next) {
		next = LIST_NEXT(x, link);
		/* Asked in this order: a hand that has just ended may have registered them. */
		if (hand_lives(x) || is_held(x, ifindex)) {
			tell(all, x);
			continue;
		}
		LIST_REMOVE(x, link);
		over(x);
	}
	if (LIST_EMPTY(&all->list))
		return __atomic_store_n(&all->at_ns, 0, __ATOMIC_RELEASE);
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
