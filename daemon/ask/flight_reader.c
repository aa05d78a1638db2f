/* SPDX-License-Identifier: MIT */
/* This process has one client: it is the only reader. A few are charged ahead. */
#include "daemon/grant/flight_reader.h"

#include <pthread.h>

#include "daemon/ask/ask.h"
#include "daemon/grant/account.h"

#define CREDIT_MAX 8u

struct flight_reader {
	pthread_mutex_t lock;
	uint32_t credit; /* charged, and not in flight */
};

static struct flight_reader reader = {.lock = PTHREAD_MUTEX_INITIALIZER};

struct flight_reader *flight_reader_get(const char *class, uid_t uid)
{
	(void)class, (void)uid;
	return &reader;
}

void flight_reader_put(struct flight_reader *r)
{
	(void)r;
}

/* Not under the lock: whoever reads the link may want it. */
bool flight_reader_charge(struct flight_reader *r, uint32_t n)
{
	pthread_mutex_lock(&r->lock);
	bool room = r->credit >= n;
	r->credit -= room ? n : 0;
	pthread_mutex_unlock(&r->lock);
	if (!room && !account_is_answered())
		return false;
	return room || ask(&(union link_any){.as_FLIGHT = {.n = n}}, LINK_FLIGHT, NULL, NULL) == 0;
}

void flight_reader_release(struct flight_reader *r, uint32_t n)
{
	pthread_mutex_lock(&r->lock);
	r->credit += n;
	if (r->credit > CREDIT_MAX) {
		ask_landed(r->credit - CREDIT_MAX);
		r->credit = CREDIT_MAX;
	}
	pthread_mutex_unlock(&r->lock);
}
