/* SPDX-License-Identifier: MIT */
/*
 * Whom the broker waits for, in the log. A wait of more than AWAITED_USEC names the clients that it
 * is for and how long it lasts at most; at its end the log says what became of them.
 */
#ifndef ZCRXD_BROKER_AWAITED_H
#define ZCRXD_BROKER_AWAITED_H

#include "daemon/broker/pump_list.h"

#define AWAITED_USEC 1000000ull

struct awaiting {
	const char *what; /* waits: "the end of zcrxd" */
	const char *left; /* what becomes of a client that it is still for at its end */
	unsigned seconds; /* at most so long */
	const char *(*why)(const struct pump *p); /* NULL: the wait is not for this client */
};

/* The wait goes on. Returns how many clients it is for; if they are many, their number is told. */
uint32_t awaited_tell(struct pumps *all, const struct awaiting *w);

/* The wait is over. */
void awaited_over(struct pumps *all, const struct awaiting *w);

/* The wait is given up, and the log says so elsewhere. */
void awaited_forget(struct pumps *all);

/* This client is waited for no more, since it did what `done` says: told if it was named. */
void awaited_done(struct pump *p, const char *done);

#endif
