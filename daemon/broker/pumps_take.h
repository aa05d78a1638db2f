/* SPDX-License-Identifier: MIT */
/* Pumps that outlive their broker: the next one takes them over. On the control thread. */
#ifndef ZCRXD_PUMPS_TAKE_H
#define ZCRXD_PUMPS_TAKE_H

#include <stdbool.h>
#include <stdint.h>

#include "daemon/broker/pump_list.h"

/*
 * Takes over the pumps of a broker that was killed, or that executed this one in its place. Returns
 * the highest number of their clients, 0 if there are none. They do not have their links yet.
 */
uint32_t pumps_take(struct pumps *all);

/*
 * Runs the loop until they have their links, for 2 s at most, and logs how many go on. After 1 s it
 * logs who has none yet.
 */
void pumps_await(struct pumps *all);

/*
 * Before an upgrade. Why could the new program not take them over (pumps_take())? NULL: it could.
 * Are they settled: has each made what the new program needs to take it over, and does no hand
 * work for any? A pump that was started or taken over a moment ago is not settled.
 */
const char *pumps_why_not_taken(const struct pumps *all);
bool pump_is_settled(const struct pump *p);
bool pumps_are_settled(const struct pumps *all);

#endif
