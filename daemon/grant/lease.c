/* SPDX-License-Identifier: MIT */
#include "daemon/grant/lease.h"

#include <errno.h>
#include <inttypes.h>
#include <net/if.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <time.h>

#include "base/clock.h"
#include "daemon/common/log.h"
#include "daemon/common/work.h"
#include "daemon/grant/account.h"
#include "daemon/grant/guard.h"
#include "nic/ethtool.h"
#include "nic/journal.h"
#include "nic/nic.h"
#include "nic/restore.h"
#include "policy/config.h"
#include "proto/reason.h"

#define NS_A_SECOND 1000000000ull
#define AGAIN_NS    50000000           /* between two tries to put a NIC back that comes and goes */
#define LATER_NS    (60 * NS_A_SECOND) /* ... that could not be, for want of resources */

struct nic {
	const struct config_nic *config;
	pthread_mutex_t lock;
	uint32_t ifindex;
	bool *taken; /* beside config->queues */
	uint32_t leases;
	bool over; /* it is put back for good: nothing is leased or changed any more */
	struct guard guard;
	bool *free, *reached; /* for each queue, while a lease is taken: the class could have it;
				 others' packets reach it */
	bool left_behind;     /* a zcrxd that died left rules there, perhaps */

	/* What is done without leases. Atomic: they are looked at without the lock. */
	uint64_t back_at_ns; /* when it is to be put back; 0: it has leases, or is as it was */
	bool owed;           /* it was gone when it was to be put back, perhaps before the start */
	bool returning;      /* the work was started, and not joined yet */
	struct work work;
};

struct lease {
	struct nic *nic;
	uint32_t n, next; /* of rxqs; the next one to steer to */
	uint32_t rxqs[LEASE_QUEUES_MOST];
	struct guarded guarded;
};

static struct {
	const char *dir;
	struct nic *nics;
	uint32_t n;
	int owing; /* eventfd */
} all;

static void say(bool trouble, const char *line)
{
	if (trouble)
		log_warn("%s", line);
	else
		log_info("%s", line);
}

static void note_left_behind(void *arg, const char *name)
{
	(void)arg;
	for (uint32_t i = 0; i < all.n; i++)
		if (strcmp(all.nics[i].config->name, name) == 0)
			all.nics[i].left_behind = all.nics[i].owed = true;
}

void leases_init(const struct config_nic *nics, const char *state_dir)
{
	all.dir = state_dir;
	all.owing = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
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
		nic->free = calloc(c->queues.n + 1, sizeof(*nic->free));
		nic->reached = calloc(c->queues.n + 1, sizeof(*nic->reached));
		int r = guard_init(&nic->guard, c->name, &c->queues, &nic->lock);
		if (r < 0)
			log_error("%s cannot be looked after: %s; nothing of it is leased", c->name,
				  strerrordesc_np(-r));
	}
	journal_list(state_dir, note_left_behind, NULL);
	eventfd_write(all.owing, 1);
}

bool leases_any(void)
{
	return all.n > 0;
}

int leases_owing(void)
{
	return all.owing;
}

/* It failed for what passes: a queue is still in use, or there is no file descriptor or memory. */
static bool is_for_now(int r)
{
	return r == -EBUSY || r == -EAGAIN || r == -EMFILE || r == -ENFILE || r == -ENOMEM ||
	       r == -ENOBUFS;
}

static void put_back(struct nic *nic)
{
	int r = nic_put_back(all.dir, nic->config->name, say);
	bool later = is_for_now(r);
	if (r == 0)
		nic->left_behind = false;
	__atomic_store_n(&nic->back_at_ns, later ? clock_ns() + LATER_NS : 0, __ATOMIC_RELAXED);
	__atomic_store_n(&nic->owed, r == -ENODEV, __ATOMIC_RELEASE);
	/* It may have come back meanwhile, and leases_look() have found nothing owed yet. */
	if (later || r == -ENODEV)
		eventfd_write(all.owing, 1);
}

/* The last lease is over. Restarting a NIC for the next one costs its other traffic. */
static void linger(struct nic *nic)
{
	uint64_t ns = nic->config->linger_seconds * NS_A_SECOND;
	__atomic_store_n(&nic->back_at_ns, clock_ns() + ns, __ATOMIC_RELEASE);
	eventfd_write(all.owing, 1);
}

static bool is_time(const struct nic *nic)
{
	uint64_t at = __atomic_load_n(&nic->back_at_ns, __ATOMIC_ACQUIRE);
	return at && clock_ns() >= at;
}

static void returned(void *data)
{
	struct nic *nic = data;
	pthread_mutex_lock(&nic->lock);
	if (nic->leases == 0 && (nic->owed || is_time(nic))) {
		put_back(nic);
		nanosleep(&(struct timespec){.tv_nsec = nic->owed ? AGAIN_NS : 0}, NULL);
	}
	pthread_mutex_unlock(&nic->lock);
}

static void returned_wait(struct nic *nic)
{
	if (nic->returning)
		work_join(&nic->work);
	nic->returning = false;
}

/* Returns when it is to be put back, UINT64_MAX if nobody knows yet. */
static uint64_t look(struct nic *nic)
{
	bool owed = __atomic_load_n(&nic->owed, __ATOMIC_ACQUIRE);
	uint64_t at = __atomic_load_n(&nic->back_at_ns, __ATOMIC_ACQUIRE);
	if (!owed && at && clock_ns() < at)
		return at;
	uint32_t ifindex;
	int r = owed ? nic_index(nic->config->name, &ifindex) : 0;
	if (r < 0 && r != -ENODEV)
		return clock_ns() + LATER_NS;
	bool due = owed ? r == 0 : at != 0;
	if (due && (!nic->returning || work_is_over(&nic->work))) {
		returned_wait(nic);
		nic->returning = true;
		work_start(&nic->work, returned, nic, all.owing);
	}
	return UINT64_MAX;
}

uint64_t leases_look(void)
{
	uint64_t first = UINT64_MAX;
	for (uint32_t i = 0; i < all.n; i++) {
		guard_look(&all.nics[i].guard);
		uint64_t at = look(&all.nics[i]);
		first = at < first ? at : first;
	}
	return first;
}

static bool owns(const char *name)
{
	bool any = false;
	for (uint32_t i = 0; i < all.n; i++)
		any |= !*name || strcmp(name, all.nics[i].config->name) == 0;
	return any;
}

/* One that zcrxd.conf names no more, and that could not be put back at the start. */
static void put_back_other(void *arg, const char *name)
{
	(void)arg;
	if (!owns(name))
		nic_put_back(all.dir, name, say);
}

void leases_done(void)
{
	for (uint32_t i = 0; i < all.n; i++) {
		struct nic *nic = &all.nics[i];
		returned_wait(nic);
		guard_done(&nic->guard);
		pthread_mutex_lock(&nic->lock);
		nic->over = true;
		put_back(nic);
		pthread_mutex_unlock(&nic->lock);
	}
	journal_list(all.dir, put_back_other, NULL);
	/* Threads that are stuck in a client's socket may still have leases: nothing is freed. */
}

static bool may_take(const struct policy_class *class, const struct config_nic *c, uint32_t i)
{
	const struct policy_request r = {.what = POLICY_LEASE,
					 .nic = c->name,
					 .rxq = c->queues.ids[i]};
	return policy_judge(class, &r).reason == REASON_NONE;
}

/* Of those that others hold, or of those that nobody holds. */
static void pick_of(struct lease *l, uint32_t n, const struct nic_facts *facts, bool held)
{
	const struct nic *nic = l->nic;
	const struct nic_queues *queues = &nic->config->queues;
	for (uint32_t i = 0; i < queues->n && l->n < n; i++) {
		uint32_t id = queues->ids[i];
		bool is = id < facts->n_queues && nic_queue_is_held(&facts->queues[id]);
		if (is == held && nic->free[i] && !nic->reached[i])
			l->rxqs[l->n++] = id;
	}
}

/* Which queues the class could have, and how many these are. */
static uint32_t free_find(struct nic *nic, const struct policy_class *class)
{
	uint32_t n = 0;
	for (uint32_t i = 0; i < nic->config->queues.n; i++) {
		nic->free[i] = !nic->taken[i] && may_take(class, nic->config, i);
		n += nic->free[i];
	}
	return n;
}

/* To which of the free queues packets of others are led; a sentence about the first, or "". */
static int look_around(struct nic *nic, uint32_t ifindex, char reached[NIC_SENTENCE_BYTES],
		       char why[NIC_SENTENCE_BYTES])
{
	memcpy(nic->reached, nic->free, nic->config->queues.n * sizeof(*nic->reached));
	int r = guard_survey(&nic->guard, ifindex, nic->left_behind, nic->reached, reached);
	if (r < 0)
		snprintf(why, NIC_SENTENCE_BYTES,
			 "Whether packets of others come to queues of %s cannot be told: %s.",
			 nic->config->name, strerrordesc_np(-r));
	return r;
}

static int say_few(const struct lease *l, uint32_t n, char why[NIC_SENTENCE_BYTES])
{
	const char *name = l->nic->config->name;
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

/* Is there one more for the user? */
static int charge(struct user *user, char why[NIC_SENTENCE_BYTES])
{
	uint64_t wait_s;
	if (account_lease(user, clock_ns(), &wait_s))
		return 0;
	snprintf(why, NIC_SENTENCE_BYTES,
		 "Your user has leased hardware queues as often as it may in a minute "
		 "(leases-per-minute= of its class in zcrxd.conf); try again in %" PRIu64 " s.",
		 wait_s);
	return -EDQUOT;
}

/* What is asked of the NIC takes time and locks: only where it can help, and at the user's rate. */
static int may_look(const struct lease *l, const struct lease_wish *wish,
		    char why[NIC_SENTENCE_BYTES])
{
	struct nic *nic = l->nic;
	if (!nic->taken || !nic->free || !nic->reached || !nic->guard.is_thread) {
		snprintf(why, NIC_SENTENCE_BYTES, "%s cannot be looked after.", nic->config->name);
		return -ENOMEM;
	}
	uint32_t n = free_find(nic, wish->class);
	return n < wish->n ? say_few(l, n, why) : charge(wish->user, why);
}

/*
 * Picks so many free queues that the class may have. One that another program
 * holds is the last choice: it may be that the kernel has not let go of it yet.
 */
static int pick(struct lease *l, uint32_t ifindex, uint32_t n, char why[NIC_SENTENCE_BYTES])
{
	char reached[NIC_SENTENCE_BYTES];
	int r = look_around(l->nic, ifindex, reached, why);
	if (r < 0)
		return r;
	struct nic_facts facts = {.link.ifindex = ifindex};
	netdev_genl_queues(&facts);
	pick_of(l, n, &facts, false);
	pick_of(l, n, &facts, true);
	nic_done(&facts);
	if (l->n == n)
		return 0;
	snprintf(why, NIC_SENTENCE_BYTES, "%s", reached);
	return -EBUSY;
}

static void mark(struct lease *l, bool taken)
{
	struct nic *nic = l->nic;
	for (uint32_t i = 0; i < nic->config->queues.n; i++)
		for (uint32_t k = 0; k < l->n; k++)
			if (nic->config->queues.ids[i] == l->rxqs[k])
				nic->taken[i] = taken;
}

static int make_ready(struct nic *nic, char why[NIC_SENTENCE_BYTES])
{
	const struct config_nic *c = nic->config;
	int r = nic_make_ready(all.dir, c->name, &c->queues, say, why);
	if (r < 0)
		return r;
	r = rules_begin(&nic->guard.rules, all.dir);
	if (r < 0) {
		snprintf(why, NIC_SENTENCE_BYTES, "%s: the journal in %s cannot be opened: %s.",
			 c->name, all.dir, strerrordesc_np(-r));
		put_back(nic);
	}
	return r;
}

static int take_of(struct lease *l, const struct lease_wish *wish, char why[NIC_SENTENCE_BYTES])
{
	struct nic *nic = l->nic;
	const struct config_nic *c = nic->config;
	if (nic->over) {
		snprintf(why, NIC_SENTENCE_BYTES,
			 "zcrxd is shutting down and leases no more queues.");
		return -ESHUTDOWN;
	}
	uint32_t ifindex;
	int r = nic_index(c->name, &ifindex);
	if (r == -ENODEV || (r == 0 && nic->leases > 0 && ifindex != nic->ifindex)) {
		snprintf(why, NIC_SENTENCE_BYTES, "The interface %s is gone.", c->name);
		return -ENODEV;
	}
	if (r < 0) {
		snprintf(why, NIC_SENTENCE_BYTES, "The interface %s cannot be looked at: %s.",
			 c->name, strerrordesc_np(-r));
		return r;
	}
	r = may_look(l, wish, why);
	if (r == 0)
		r = pick(l, ifindex, wish->n, why);
	/* Also if it is ready still: somebody may have changed it since, or another card has its
	 * name. */
	if (r == 0 && nic->leases == 0)
		r = make_ready(nic, why);
	if (r < 0)
		return r;
	nic->left_behind = false;
	if (nic->leases == 0) /* else status may be reading it */
		nic->ifindex = ifindex;
	__atomic_store_n(&nic->back_at_ns, 0, __ATOMIC_RELAXED);
	__atomic_store_n(&nic->owed, false, __ATOMIC_RELAXED);
	nic->leases++;
	mark(l, true);
	l->guarded = (struct guarded){.rxqs = l->rxqs, .n = l->n, .poke = wish->poke};
	guard_add(&nic->guard, &l->guarded, ifindex);
	return 0;
}

/* Another NIC would be refused as well, and asking for it would cost the user one more lease. */
static bool is_final(int r)
{
	return r == -EDQUOT || r == -ESHUTDOWN;
}

int lease_take(struct lease **ret, const struct lease_wish *wish, char why[NIC_SENTENCE_BYTES])
{
	const char *name = wish->nic;
	int r = owns(name) ? -EACCES : -ENODEV;
	struct lease *l = calloc(1, sizeof(*l));
	if (!l) {
		snprintf(why, NIC_SENTENCE_BYTES, "zcrxd is out of memory.");
		return -ENOMEM;
	}
	snprintf(why, NIC_SENTENCE_BYTES,
		 r == -ENODEV ? "No receive queue%s%s is zcrxd's to hand out; name some in "
				"zcrxd.conf, [nic NAME]."
			      : "Your class may not lease a receive queue%s%s; the administrator "
				"can allow it with nics= in zcrxd.conf.",
		 *name ? " of " : "", name);
	for (uint32_t i = 0; i < all.n && r < 0 && !is_final(r); i++) {
		struct nic *nic = &all.nics[i];
		if ((*name && strcmp(name, nic->config->name) != 0) ||
		    !policy_leases(wish->class, nic->config->name))
			continue;
		pthread_mutex_lock(&nic->lock);
		*l = (struct lease){.nic = nic};
		r = take_of(l, wish, why);
		pthread_mutex_unlock(&nic->lock);
	}
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
	*ret_rxqs = l->rxqs;
	*ret_n = l->n;
}

void lease_end(struct lease *l)
{
	if (!l)
		return;
	struct nic *nic = l->nic;
	pthread_mutex_lock(&nic->lock);
	guard_remove(&nic->guard, &l->guarded);
	mark(l, false);
	if (--nic->leases == 0 && !nic->over && nic->config->linger_seconds > 0)
		linger(nic);
	else if (nic->leases == 0)
		put_back(nic);
	pthread_mutex_unlock(&nic->lock);
	free(l);
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
	struct nic *nic = l->nic;
	struct nic_rule rule = *match;
	rule.queue = l->rxqs[l->next];
	pthread_mutex_lock(&nic->lock);
	int r = nic->over ? -ESHUTDOWN
			  : guard_rule_add(&nic->guard, &l->guarded, &rule, place, ret);
	if (r == 0)
		l->next = (l->next + 1) % l->n;
	pthread_mutex_unlock(&nic->lock);
	return r;
}

void lease_unsteer(struct lease *l, struct lease_rule *rule)
{
	struct nic *nic = l->nic;
	pthread_mutex_lock(&nic->lock);
	guard_rule_del(&nic->guard, rule);
	pthread_mutex_unlock(&nic->lock);
}
