/* SPDX-License-Identifier: MIT */
/*
 * The broker keeps the accounts. To charge something is a request to it, to release something a
 * message without an answer. A client may make many requests in a second, so the pump asks ahead
 * for several: for 1, then 2, 4, up to AHEAD_MAX. At the end of the second it loses what it has not
 * used. Connections come in bursts, so flows are charged ahead in the same way, up to
 * FLOWS_AHEAD_MAX. A thread that is about to wait releases what is left (account_rest()).
 */
#include "daemon/grant/account.h"

#include <pthread.h>

#include "base/clock.h"
#include "daemon/ask/ask.h"
#include "daemon/grant/files.h"
#include "daemon/grant/rates.h"

#define AHEAD_MAX 32u

#define FLOWS_AHEAD_MAX 8u

struct user {
	pthread_mutex_t lock;
	uint32_t credit;      /* requests that the broker allowed and the client has not made yet */
	uint32_t ahead;       /* for how many the broker was asked last */
	uint64_t at_ns;       /* when the second began for which the broker allowed the credit */
	uint32_t flows;       /* charged ahead */
	uint32_t flows_ahead; /* for how many the broker was asked last; 0: none since the last
				 account_rest() */
};

static struct user user = {.lock = PTHREAD_MUTEX_INITIALIZER};

struct user *ask_user(void)
{
	return &user;
}

static int charge(enum account_kind kind, uint64_t n, char *why)
{
	union link_any m = {.as_CHARGE = {.kind = kind, .n = n}};
	int r = ask(&m, LINK_CHARGE, NULL, NULL);
	if (r < 0)
		ask_why(why, &m.re_CHARGE);
	return r;
}

/* How many flows to ask for; 0: there is one. */
static uint32_t flow_take(struct user *u)
{
	pthread_mutex_lock(&u->lock);
	uint32_t ahead = u->flows_ahead ? u->flows_ahead * 2 : 1;
	if (u->flows > 0) {
		u->flows--;
		ahead = 0;
	} else {
		ahead = ahead < FLOWS_AHEAD_MAX ? ahead : FLOWS_AHEAD_MAX;
		__atomic_store_n(&u->flows_ahead, ahead, __ATOMIC_RELAXED);
	}
	pthread_mutex_unlock(&u->lock);
	return ahead;
}

/* If there are fewer left than are asked for ahead, one may be left. */
static int charge_flow(struct user *u, char *why)
{
	uint32_t n = flow_take(u);
	int r = n > 0 ? charge(ACCOUNT_FLOWS, n, n > 1 ? NULL : why) : 0;
	if (r < 0)
		return n > 1 ? charge(ACCOUNT_FLOWS, 1, why) : r;
	if (n <= 1)
		return 0;
	pthread_mutex_lock(&u->lock);
	u->flows += n - 1;
	__atomic_store_n(&u->flows_ahead, n, __ATOMIC_RELAXED); /* another thread may have rested */
	pthread_mutex_unlock(&u->lock);
	return 0;
}

int account_charge(struct user *u, enum account_kind kind, uint64_t n, char why[LIMITS_SAID_BYTES])
{
	return kind == ACCOUNT_FLOWS && n == 1 ? charge_flow(u, why) : charge(kind, n, why);
}

void account_rest(struct user *u)
{
	if (!__atomic_load_n(&u->flows_ahead, __ATOMIC_RELAXED))
		return;
	pthread_mutex_lock(&u->lock);
	uint32_t flows = u->flows;
	u->flows = 0;
	__atomic_store_n(&u->flows_ahead, 0, __ATOMIC_RELAXED);
	pthread_mutex_unlock(&u->lock);
	account_release(u, ACCOUNT_FLOWS, flows);
}

void account_release(struct user *u, enum account_kind kind, uint64_t n)
{
	(void)u;
	if (n > 0)
		ask_release(kind, n);
}

/*
 * Returns false while there is no broker: the client's requests wait, its streams go on. If nobody
 * will answer, the pump answers by itself, and has nothing to give.
 */
bool rates_request(struct user *u, uint64_t now_ns)
{
	if (account_is_closed())
		return true;
	if (!account_is_answered())
		return false;
	pthread_mutex_lock(&u->lock);
	bool over = now_ns >= u->at_ns + NS_A_SECOND;
	if (over || u->credit == 0) {
		uint32_t ahead = over ? 1 : u->ahead * 2;
		union link_any m = {.as_REQUESTS = {.n = ahead < AHEAD_MAX ? ahead : AHEAD_MAX}};
		u->ahead = m.as_REQUESTS.n;
		u->at_ns = over ? now_ns : u->at_ns;
		u->credit = ask(&m, LINK_REQUESTS, NULL, NULL) == 0 ? m.re_REQUESTS.n : 0;
	}
	bool within = u->credit > 0;
	u->credit -= within;
	pthread_mutex_unlock(&u->lock);
	return within;
}

int files_account(struct user *u, enum account_kind kind, uint64_t n, char why[LIMITS_SAID_BYTES])
{
	return account_charge(u, kind, n, why);
}
