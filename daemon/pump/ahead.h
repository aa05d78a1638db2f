/* SPDX-License-Identifier: MIT */
/*
 * What a thread has charged that does not wait for the broker: flows for connections that may be
 * accepted, or descriptors that are about to be sent. Where several are needed in a row as many
 * more are charged ahead, up to AHEAD_MAX.
 */
#ifndef ZCRXD_AHEAD_H
#define ZCRXD_AHEAD_H

#include <stdbool.h>
#include <stdint.h>

#include "daemon/grant/charge_soon.h"

#define AHEAD_MAX 8u

struct ahead {
	struct charge_whom whom;
	int news;                  /* eventfd, borrowed: written when the broker has answered */
	uint32_t charged;          /* what the broker granted and is not released, in use or not */
	uint32_t row;              /* needed since the last ahead_rest() */
	struct charge_soon *asked; /* the broker is asked for n more; or NULL */
	uint32_t n;
};

/*
 * Is `wanted` charged, which is `more` than before? Returns 0; -EINPROGRESS: the broker was asked,
 * and it is to be called again when the eventfd is written; -EBUSY: not now, it is to be called
 * again after a while.
 */
int ahead_want(struct ahead *a, uint32_t wanted, uint32_t more);

/*
 * Nothing more is needed than is in use. If the broker is not being asked, what is left is to be
 * released: returns how much; then that is not charged any more.
 */
uint32_t ahead_rest(struct ahead *a, uint32_t used);

/* Has ahead_rest() anything to do? */
bool ahead_is_any(const struct ahead *a, uint32_t used);

/* Nothing is asked for any more. The caller has released a->charged, or does so. */
void ahead_done(struct ahead *a);

#endif
