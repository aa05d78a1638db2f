/* SPDX-License-Identifier: MIT */
/* The end of leases (lease.h). */
#include <stdlib.h>
#include <sys/eventfd.h>
#include <time.h>

#include "base/container.h"
#include "daemon/grant/account.h"
#include "daemon/grant/lease.h"
#include "daemon/grant/leased.h"
#include "daemon/grant/leases.h"

#define PAUSE_NS 5000000 /* between two questions of somebody who waits for a queue */

static uint64_t all_left; /* atomic: how many leases the kernel has let go of, ever */

static void over(struct leaving *x)
{
	struct lease *l = container_of(x, struct lease, leaving);
	leases_remove(l->nic, &l->guarded);
	account_hardware_release(l->user, l->guarded.n);
	user_put(l->user);
	__atomic_fetch_add(&all_left, 1, __ATOMIC_RELEASE);
	if (l->unkept)
		return free(l);
	__atomic_store_n(&l->left, true, __ATOMIC_RELEASE);
	guarded_tell(&l->guarded);
}

void leases_look_leaving(struct leases *nic)
{
	leavings_look(&nic->leaving, nic->ifindex, over);
}

/*
 * The kernel is asked at once. Often nobody has the queues any more: a dma-buf's are let go of at
 * once, and many leases end before a queue was registered. Before leases_settle() the NIC is not
 * ready for that.
 */
static void leave(struct lease *l, pid_t hand, uint64_t hand_started)
{
	struct leases *nic = l->nic;
	l->leaves = true;
	l->leaving.guarded = &l->guarded;
	l->leaving.hand = hand;
	l->leaving.hand_started = hand_started;
	leaving_add(&nic->leaving, &l->leaving);
	if (nic->guard.begun)
		leases_look_leaving(nic);
	leases_look_again();
}

void lease_leave(struct lease *l, pid_t hand, uint64_t hand_started)
{
	struct leases *nic = l->nic;
	pthread_mutex_lock(&nic->guard.lock);
	leave(l, hand, hand_started);
	pthread_mutex_unlock(&nic->guard.lock);
}

bool lease_has_left(const struct lease *l)
{
	return __atomic_load_n(&l->left, __ATOMIC_ACQUIRE);
}

bool lease_is_bound(const struct lease *l)
{
	return __atomic_load_n(&l->leaving.bound, __ATOMIC_RELAXED);
}

void lease_end(struct lease *l)
{
	if (!l)
		return;
	struct leases *nic = l->nic;
	pthread_mutex_lock(&nic->guard.lock);
	l->guarded.poke = -1;
	l->unkept = true;
	if (lease_has_left(l))
		free(l);
	else if (!l->leaves)
		leave(l, 0, 0);
	pthread_mutex_unlock(&nic->guard.lock);
}

uint64_t leases_left(void)
{
	return __atomic_load_n(&all_left, __ATOMIC_ACQUIRE);
}

/* With the NIC's lock held. Asks about those of this user, or with NULL of anybody. */
static bool look_for(struct leases *nic, const struct user *user)
{
	struct leaving *x;
	bool any = false, young = false;
	LIST_FOREACH (x, &nic->leaving.list, link) {
		bool wanted = !user || container_of(x, struct lease, leaving)->user == user;
		any |= wanted;
		young |= wanted && leaving_is_young(x);
	}
	if (any)
		leavings_ask(&nic->leaving, nic->ifindex, over);
	return young;
}

bool leases_wait_leaving(const struct lease_wish *wish, bool own, uint64_t before)
{
	struct leases *nic;
	bool young = false;
	for (uint32_t i = 0; leases_left() == before && (nic = leases_at(i)); i++) {
		if (!own && !lease_may_be(nic, wish))
			continue;
		pthread_mutex_lock(&nic->guard.lock);
		young |= look_for(nic, own ? wish->user : NULL);
		pthread_mutex_unlock(&nic->guard.lock);
	}
	if (leases_left() != before)
		return true;
	if (young)
		nanosleep(&(struct timespec){.tv_nsec = PAUSE_NS}, NULL);
	return young;
}
