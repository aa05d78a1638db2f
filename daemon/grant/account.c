/* SPDX-License-Identifier: MIT */
#include "daemon/grant/account.h"

#include <assert.h>
#include <errno.h>
#include <string.h>

#include "daemon/grant/user.h"

uint64_t account_most(const struct limits *l, enum account_kind kind)
{
	return kind == ACCOUNT_FILES ? limits_files(l) : l->most[kind];
}

static int charge(uint64_t *used, uint64_t most, uint64_t n)
{
	if (n > 0 && (*used > most || n > most - *used))
		return -EDQUOT;
	*used += n;
	return 0;
}

int account_charge(struct user *u, enum account_kind kind, uint64_t n, char why[LIMITS_SAID_BYTES])
{
	users_lock();
	uint64_t most = account_most(&u->pool->limits, kind);
	int r = charge(&u->used[kind], most, n);
	if (r < 0 && why)
		limits_say_amount(why, u->pool->name, kind,
				  &(struct limits_used){most, u->used[kind], n});
	users_unlock();
	return r;
}

void account_take(struct user *u, enum account_kind kind, uint64_t n)
{
	users_lock();
	u->used[kind] += n;
	users_unlock();
}

bool account_is_closed(void)
{
	return false;
}

void account_release(struct user *u, enum account_kind kind, uint64_t n)
{
	users_lock();
	assert(u->used[kind] >= n);
	u->used[kind] -= n;
	users_unlock();
}

uint64_t account_bound(const struct user *u, enum account_kind kind)
{
	users_lock();
	uint64_t most = account_most(&u->pool->limits, kind), used = u->used[kind];
	users_unlock();
	return used > most ? used : most;
}

int account_hardware(struct user *u, uint32_t n, char why[LIMITS_SAID_BYTES])
{
	users_lock();
	uint64_t most = account_most(&u->pool->limits, ACCOUNT_QUEUES);
	int r = charge(&u->hardware, most, n);
	if (r < 0 && why)
		limits_say_hardware(why, u->pool->name,
				    &(struct limits_used){most, u->hardware, n});
	users_unlock();
	return r;
}

void account_hardware_release(struct user *u, uint32_t n)
{
	users_lock();
	assert(u->hardware >= n);
	u->hardware -= n;
	users_unlock();
}

void account_hardware_take(struct user *u, uint32_t n)
{
	users_lock();
	u->hardware += n;
	users_unlock();
}

int account_hosted(struct user *u, bool listening)
{
	users_lock();
	const uint64_t *most = u->pool->limits.most;
	bool may = u->hosted < most[ACCOUNT_FLOWS] &&
		   (!listening || u->hosted_listening < most[ACCOUNT_LISTENERS]);
	u->hosted += may;
	u->hosted_listening += may && listening;
	users_unlock();
	return may ? 0 : -EDQUOT;
}

void account_hosted_release(struct user *u, bool listening)
{
	users_lock();
	assert(u->hosted > 0 && (!listening || u->hosted_listening > 0));
	u->hosted--;
	u->hosted_listening -= listening;
	users_unlock();
}

uint64_t account_used(const char *pool, uint64_t ret_used[ACCOUNT_KINDS])
{
	const struct user *u;
	uint64_t users = 0;
	memset(ret_used, 0, ACCOUNT_KINDS * sizeof(*ret_used));
	users_lock();
	LIST_FOREACH (u, users_all(), link) {
		if (strcmp(u->pool->name, pool) != 0)
			continue;
		users += u->references > 0;
		for (int kind = 0; kind < ACCOUNT_KINDS; kind++)
			ret_used[kind] += u->used[kind];
	}
	users_unlock();
	return users;
}
