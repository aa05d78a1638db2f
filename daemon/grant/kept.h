/* SPDX-License-Identifier: MIT */
/*
 * Dma-bufs that are kept until nobody else has them (files.h), and who closes them. To close one
 * gives all of its memory back, by code of whatever driver the kernel has for it: that may take
 * long. So a thread that may not wait (daemon/common/may_wait.h), as the control thread may not,
 * leaves it to another one.
 */
#ifndef ZCRXD_KEPT_H
#define ZCRXD_KEPT_H

#include <stdbool.h>
#include <stdint.h>

struct kept;
struct user;

/*
 * Prepares to keep a dma-buf and the memfd that it was made of, and takes both descriptors over,
 * and a reference to the user. Returns 0, or a negative errno; then the descriptors stay the
 * caller's. Later files_keep() is called once, which cannot fail.
 */
int kept_new(struct kept **ret, struct user *u, int memfd, int dmabuf);

/* For files_keep(): is kept from now on. The charge of one area goes with it. */
void kept_add(struct kept *k);

/*
 * Has those closed that nobody else has. A thread that may wait closes this user's (NULL: all)
 * itself, waits for those of them that another thread is closing by then, and for nobody else's.
 * Returns true if it has done or waited for any.
 */
bool kept_reap(const struct user *u);

/* Is any kept, or not closed yet? */
bool kept_any(void);

/*
 * Is any of this user's being closed, or was one closed since kept_closed(), how many of it were
 * closed ever, returned `before`? Then the user may have what it was refused meanwhile.
 */
uint64_t kept_closed(const struct user *u);
bool kept_is_closing(const struct user *u, uint64_t before);

/* Closes all of them. */
void kept_done(void);

#endif
