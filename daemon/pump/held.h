/* SPDX-License-Identifier: MIT */
#ifndef ZCRXD_HELD_H
#define ZCRXD_HELD_H

#include "daemon/pump/model.h"

/*
 * Tells the broker of each file of memory that is in use (LINK_HAVE_FILE). By any thread; takes
 * the client's lock.
 */
void held_files_tell(struct client *c);

/* Has it any lease, or a dma-buf that the broker made? Such a pump cannot change brokers yet. */
bool held_is_bound(struct client *c);

#endif
