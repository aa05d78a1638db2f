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

struct kept;
struct user;

/* Takes a reference to the user, and both descriptors over. Returns 0 or -ENOMEM. */
int kept_new(struct kept **ret, struct user *u, int memfd, int dmabuf);

/* Is kept from now on. The charge of one area goes with it. */
void kept_add(struct kept *k);

/*
 * Closes those that nobody else has. Returns true if any is closed by now. A thread that may wait
 * waits also for those that another thread is closing.
 */
bool kept_reap(void);

/*
 * Is any kept, or not closed yet? Is any of this user's being closed, or may have been closed since
 * kept_reap()?
 */
bool kept_any(void);
bool kept_is_closing(const struct user *u);

/* Closes all of them. */
void kept_done(void);

#endif
