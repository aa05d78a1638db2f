/* SPDX-License-Identifier: MIT */
/*
 * How many descriptors are in flight to each user of a class (daemon/pump/flight.h): a user gets
 * 1024 at most, and never more than an eighth of what nobody has. So whoever comes finds some,
 * although many read nothing.
 *
 * All users together have flight_readers_most() at most. Each pump may have open so many
 * (daemon/broker/pump_limits.h), and the broker more: so none of them is kept from sending by those
 * that are charged here.
 *
 * Any thread may call.
 */
#ifndef ZCRXD_FLIGHT_READER_H
#define ZCRXD_FLIGHT_READER_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

struct flight_reader;

/* A reference to the user of the class; NULL without memory. */
struct flight_reader *flight_reader_get(const char *class, uid_t uid);
void flight_reader_put(struct flight_reader *r);

uint32_t flight_readers_most(void);

/* n more are in flight to it, if it may have them. A pump asks: charge_soon.h. */
bool flight_reader_charge(struct flight_reader *r, uint32_t n);
/* n are in flight to it already. */
void flight_reader_take(struct flight_reader *r, uint32_t n);
void flight_reader_release(struct flight_reader *r, uint32_t n);

#endif
