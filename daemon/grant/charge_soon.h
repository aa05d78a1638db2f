/* SPDX-License-Identifier: MIT */
/*
 * A charge that nobody waits for: of flows, or of descriptors in flight. In a pump the broker is
 * asked, and an eventfd is written when it has answered.
 */
#ifndef ZCRXD_CHARGE_SOON_H
#define ZCRXD_CHARGE_SOON_H

#include <stdint.h>

struct charge_soon;
struct flight_reader;
struct user;

/* Who is charged: a user for flows, or a reader for descriptors in flight. The other one is NULL.
 */
struct charge_whom {
	struct user *user;
	struct flight_reader *reader;
};

/* Asks for n of them. news: eventfd, borrowed until charge_soon_drop(). Returns 0 or -ENOMEM. */
int charge_soon_begin(struct charge_soon **ret, const struct charge_whom *whom, uint32_t n,
		      int news);

/* Returns -EINPROGRESS; or 0, and they are charged; or -EDQUOT or another negative errno. */
int charge_soon_look(struct charge_soon *c);

/* Frees a charge that charge_soon_look() told the end of; else releases what comes of it, too. NULL
 * is fine. */
void charge_soon_drop(struct charge_soon *c);

#endif
