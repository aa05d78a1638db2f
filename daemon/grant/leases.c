/* SPDX-License-Identifier: MIT */
#include "daemon/grant/leases.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <time.h>

#include "base/clock.h"
#include "daemon/common/log.h"
#include "daemon/grant/leased.h"
#include "nic/ethtool.h"
#include "nic/journal.h"
#include "nic/restore.h"
#include "policy/config.h"

#define AGAIN_NS 50000000           /* between two tries to put back a NIC that comes and goes */
#define LATER_NS (60 * NS_A_SECOND) /* between two tries that fail for want of resources */

static struct {
	const char *dir; /* of the journal */
	struct leases *nics;
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

static void init(struct leases *nic, const struct config_nic *config)
{
	*nic = (struct leases){.config = config};
	leavings_init(&nic->leaving, config->name);
	int r = guard_init(&nic->guard, config->name, &config->queues);
	if (r == 0)
		r = pick_init(&nic->pick, config);
	nic->unready = r < 0;
	if (r < 0)
		log_error("%s cannot be looked after: %s; nothing of it is leased", config->name,
			  strerrordesc_np(-r));
}

void leases_init(const struct config_nic *nics, const char *state_dir)
{
	uint32_t n = 0;
	all.dir = state_dir;
	all.owing = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	for (const struct config_nic *c = nics; c; c = c->next)
		n++;
	all.nics = calloc(n + 1, sizeof(*all.nics));
	for (const struct config_nic *c = nics; c && all.nics; c = c->next)
		init(&all.nics[all.n++], c);
}

struct leases *leases_of(const char *name)
{
	for (uint32_t i = 0; i < all.n; i++)
		if (strcmp(all.nics[i].config->name, name) == 0)
			return &all.nics[i];
	return NULL;
}

/* The NIC has leases of the zcrxd before: it is ready, and its journal stays. */
static void resume(struct leases *nic)
{
	struct nic_before before;
	const char *name = nic->config->name;
	int r = nic_journal_resume(all.dir, name, &nic->config->queues, say, &before);
	if (r == 0) {
		r = rules_resume(&nic->guard.rules, all.dir, &before);
		nic_before_done(&before);
	}
	if (r < 0)
		log_warn("%s: its rules cannot be taken over: %s", name, strerrordesc_np(-r));
}

/* Puts back a NIC that the zcrxd before changed; if *later, leases_look() is to do it. */
static void settle(void *later, const char *name)
{
	struct leases *nic = leases_of(name);
	if (nic && (nic->n > 0 || *(const bool *)later)) {
		nic->left_behind = nic->owed = nic->n == 0;
		return;
	}
	int r = nic_put_back(all.dir, name, say);
	if (r == 0)
		log_info("%s: is as it was", name);
	/* Set aside with -ENOENT, -EBADMSG or -ESTALE: there is nothing to put back any more. */
	bool is_left = r < 0 && r != -ENOENT && r != -EBADMSG && r != -ESTALE;
	if (nic)
		nic->left_behind = nic->owed = is_left;
}

void leases_settle(void)
{
	bool later = false;
	for (uint32_t i = 0; i < all.n; i++)
		later |= all.nics[i].n > 0;
	journal_list(all.dir, settle, &later);
	for (uint32_t i = 0; i < all.n; i++) {
		struct leases *nic = &all.nics[i];
		pthread_mutex_lock(&nic->guard.lock);
		if (nic->n > 0)
			resume(nic);
		guard_begin(&nic->guard);
		pthread_mutex_unlock(&nic->guard.lock);
	}
	leases_look_again();
}

bool leases_any(void)
{
	return all.n > 0;
}

int leases_owing(void)
{
	return all.owing;
}

void leases_look_again(void)
{
	eventfd_write(all.owing, 1);
}

struct leases *leases_at(uint32_t i)
{
	return i < all.n ? &all.nics[i] : NULL;
}

bool leases_has(const char *name)
{
	bool any = false;
	for (uint32_t i = 0; i < all.n; i++)
		any |= !*name || strcmp(name, all.nics[i].config->name) == 0;
	return any;
}

/* Did it fail for a reason that passes: a queue in use, no file descriptor, no memory? */
static bool is_for_now(int r)
{
	return r == -EBUSY || r == -EAGAIN || r == -EMFILE || r == -ENFILE || r == -ENOMEM ||
	       r == -ENOBUFS;
}

static void put_back(struct leases *nic)
{
	int r = nic_put_back(all.dir, nic->config->name, say);
	bool later = is_for_now(r);
	if (r == 0)
		nic->left_behind = false;
	__atomic_store_n(&nic->back_at_ns, later ? clock_ns() + LATER_NS : 0, __ATOMIC_RELAXED);
	__atomic_store_n(&nic->owed, r == -ENODEV, __ATOMIC_RELEASE);
	/* If the NIC has come back meanwhile, leases_look() did not know yet that it is owed. */
	if (later || r == -ENODEV)
		leases_look_again();
}

int leases_make_ready(struct leases *nic, char why[NIC_SENTENCE_BYTES])
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

void leases_add(struct leases *nic, struct guarded *lease, uint32_t ifindex)
{
	nic->left_behind = false;
	if (nic->n == 0) /* else status may be reading it */
		nic->ifindex = ifindex;
	__atomic_store_n(&nic->back_at_ns, 0, __ATOMIC_RELAXED);
	__atomic_store_n(&nic->owed, false, __ATOMIC_RELAXED);
	nic->n++;
	pick_mark(&nic->pick, lease->rxqs, lease->n, true);
	guard_add(&nic->guard, lease, ifindex);
}

/* The next lease may come soon, and making a NIC ready again costs its other traffic. */
static void linger(struct leases *nic)
{
	uint64_t ns = nic->config->linger_seconds * NS_A_SECOND;
	__atomic_store_n(&nic->back_at_ns, clock_ns() + ns, __ATOMIC_RELEASE);
	leases_look_again();
}

void leases_remove(struct leases *nic, struct guarded *lease)
{
	guard_remove(&nic->guard, lease);
	pick_mark(&nic->pick, lease->rxqs, lease->n, false);
	if (--nic->n > 0)
		return;
	if (!nic->over && nic->config->linger_seconds > 0)
		linger(nic);
	else
		put_back(nic);
}

static bool is_time(const struct leases *nic)
{
	uint64_t at = __atomic_load_n(&nic->back_at_ns, __ATOMIC_ACQUIRE);
	return at && clock_ns() >= at;
}

/* On a thread of its own. */
static void give_back(void *data)
{
	struct leases *nic = data;
	pthread_mutex_lock(&nic->guard.lock);
	leases_look_leaving(nic);
	if (nic->n == 0 && (nic->owed || is_time(nic))) {
		put_back(nic);
		nanosleep(&(struct timespec){.tv_nsec = nic->owed ? AGAIN_NS : 0}, NULL);
	}
	pthread_mutex_unlock(&nic->guard.lock);
}

static void give_back_wait(struct leases *nic)
{
	if (nic->returning)
		work_join(&nic->work);
	nic->returning = false;
}

/* Returns when the NIC is to be put back; 0: now; UINT64_MAX if that is not known yet. */
static uint64_t back_at(const struct leases *nic)
{
	bool owed = __atomic_load_n(&nic->owed, __ATOMIC_ACQUIRE);
	uint64_t at = __atomic_load_n(&nic->back_at_ns, __ATOMIC_ACQUIRE);
	if (!owed)
		return at == 0 ? UINT64_MAX : clock_ns() < at ? at : 0;
	uint32_t ifindex;
	int r = nic_index(nic->config->name, &ifindex);
	return r == 0 ? 0 : r == -ENODEV ? UINT64_MAX : clock_ns() + LATER_NS;
}

/* Returns when there is something to be done, UINT64_MAX if that is not known yet. */
static uint64_t look(struct leases *nic)
{
	uint64_t back = back_at(nic), leaving = leavings_at(&nic->leaving);
	uint64_t at = back < leaving ? back : leaving;
	if (at > clock_ns())
		return at;
	if (!nic->returning || work_is_over(&nic->work)) {
		give_back_wait(nic);
		nic->returning = true;
		work_start(&nic->work, give_back, nic, all.owing);
	}
	return UINT64_MAX; /* when the work is over this is called again */
}

void leases_changed(void)
{
	for (uint32_t i = 0; i < all.n; i++)
		guard_look(&all.nics[i].guard);
}

uint64_t leases_look(void)
{
	uint64_t first = UINT64_MAX;
	for (uint32_t i = 0; i < all.n; i++) {
		uint64_t at = look(&all.nics[i]);
		first = at < first ? at : first;
	}
	return first;
}

bool leases_hold(bool held)
{
	uint32_t n = 0;
	while (held && n < all.n && pthread_mutex_trylock(&all.nics[n].guard.lock) == 0)
		n++;
	if (held && n == all.n)
		return true;
	n = held ? n : all.n;
	while (n > 0)
		pthread_mutex_unlock(&all.nics[--n].guard.lock);
	return !held;
}

/* Puts back a NIC that zcrxd.conf names no more and that could not be put back at the start. */
static void put_back_other(void *arg, const char *name)
{
	(void)arg;
	if (!leases_has(name))
		nic_put_back(all.dir, name, say);
}

void leases_done(void)
{
	for (uint32_t i = 0; i < all.n; i++) {
		struct leases *nic = &all.nics[i];
		give_back_wait(nic);
		guard_done(&nic->guard);
		pthread_mutex_lock(&nic->guard.lock);
		nic->over = true;
		put_back(nic);
		pthread_mutex_unlock(&nic->guard.lock);
	}
	journal_list(all.dir, put_back_other, NULL);
	/* Threads that are stuck in a client's socket may still have leases: nothing is freed. */
}
