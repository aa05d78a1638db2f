/* SPDX-License-Identifier: MIT */
/*
 * The broker keeps the accounts. To charge something is a request to it, to release something a
 * message without an answer. A client may make many requests in a second, so the pump asks ahead
 * for several: for 1, then 2, 4, up to AHEAD_MAX. At the end of the second it loses what it has not
 * used.
 */
#include "daemon/grant/account.h"

#include <pthread.h>

#include "base/clock.h"
#include "daemon/ask/ask.h"
#include "daemon/grant/files.h"
#include "daemon/grant/rates.h"

#define AHEAD_MAX 32u

struct user {
	pthread_mutex_t lock;
	uint32_t credit; /* requests that the broker allowed and the client has not made yet */
	uint32_t ahead;  /* for how many the broker was asked last */
	uint64_t at_ns;  /* when the second began for which the broker allowed the credit */
};

static struct user user = {.lock = PTHREAD_MUTEX_INITIALIZER};

struct user *ask_user(void)
{
	return &user;
}

int account_charge(struct user *u, enum account_kind kind, uint64_t n, char why[LIMITS_SAID_BYTES])
{
	union link_any m = {.as_CHARGE = {.kind = kind, .n = n}};
	(void)u;
	int r = ask(&m, LINK_CHARGE, NULL, NULL);
	if (r < 0)
		ask_why(why, &m.re_CHARGE);
	return r;
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
	if (!ask_is_answered())
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
