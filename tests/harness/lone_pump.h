/* SPDX-License-Identifier: MIT */
/*
 * A pump without a process: the broker's modules serve it in the test's own process, and the test
 * has its end of the link. Its client is of the class "default". A policy must be set and
 * files_init() called before.
 */
#ifndef TESTS_LONE_PUMP_H
#define TESTS_LONE_PUMP_H

#include <stdbool.h>
#include <stdint.h>

#include "daemon/broker/pump.h"
#include "daemon/broker/pump_list.h"
#include "policy/policy.h"

struct lone_pump {
	struct pump pump;
	struct pumps all; /* only its event is set */
	int end;          /* of the link */
	struct limits limits;
};

/* loop: for its sockets of the host; or NULL, and then it opens none. Returns false on failure. */
bool lone_pump_start(struct lone_pump *l, sd_event *loop);

/*
 * Serves a message of the pump's of this type, whose header is filled in here. Returns false if it
 * is none that a pump may send.
 */
bool lone_pump_say(struct lone_pump *l, union link_any *m, uint16_t type, uint32_t serial);

/* What the broker does when a pump has ended. Returns whether nothing is charged any more. */
bool lone_pump_end(struct lone_pump *l);

#endif
