/* SPDX-License-Identifier: MIT */
/*
 * What the client gives back: buffers by its refills, and entries of the CQ by its head. Both are
 * words that it can write at any time: each is read once, and what was read is checked.
 */
#ifndef ZCRXD_RETURNS_H
#define ZCRXD_RETURNS_H

#include "daemon/pump/model.h"

/*
 * Takes no more refills than the ring holds: a client that refills without end gets no endless
 * turn. What is left has a turn to come. True if it stopped early since too many were refused.
 */
bool returns_take_refills(struct queue *q);

/*
 * Gives the kernel the entries that the client has consumed, and never others: they are the
 * client's to read for as long as it likes. A head outside of what was scanned is refused.
 */
void returns_take_head(struct queue *q);

/* Is there anything to take? */
bool returns_any(const struct queue *q);

#endif
