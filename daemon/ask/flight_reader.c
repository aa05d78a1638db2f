/* SPDX-License-Identifier: MIT */
/*
 * This pump has one client, so there is one reader. When the client has read descriptors, up to
 * CREDIT_MAX of them stay charged: so the broker need not be asked before most messages with
 * descriptors.
 */
#include "daemon/grant/flight_reader.h"

#include <pthread.h>

#include "daemon/ask/ask.h"
#include "daemon/grant/account.h"

#define CREDIT_MAX 8u

struct flight_reader {
	pthread_mutex_t lock;
	uint32_t credit; /* descriptors that are charged and not in flight */
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

/* The lock is not held while it asks: the first thread may need it before it reads the reply. */
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
