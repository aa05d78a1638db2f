/* SPDX-License-Identifier: MIT */
/*
 * Memory that a client can keep when it is gone for us, and who is charged for it until then.
 *
 * A *file* of memory (of an area, of rings, of a side buffer) is charged to a user from before we
 * use it until its inode goes: until nobody has it open or mapped or in flight any more, in any
 * process. The kernel tells us, by inotify, and nobody can hold that up or bring it on. Whoever
 * makes the same file an area again is not charged twice.
 *
 * The dma-buf that we made of a file keeps the file's memory, and has no such event. When its area
 * is deleted it is *kept*, with its file and the area's charge, until the kernel says that it is
 * nobody else's.
 *
 * Any thread may call these. There is one inotify instance, whose events are taken by the control
 * thread, and by whoever would be refused otherwise.
 */
#ifndef ZCRXD_FILES_H
#define ZCRXD_FILES_H

#include <stdbool.h>
#include <stdint.h>

#include "daemon/grant/account.h"

struct kept;

/* Two descriptors, ours, that are readable when files_reap() is due. Returns 0 or a negative errno.
 */
int files_init(int ret_due[2]);
/* Releases everything. */
void files_done(void);

/*
 * Charges a file's bytes. Returns 0, -EDQUOT, -EACCES if we may not read the file, -ENOSPC if the
 * system lets us watch no more files, or another negative errno.
 */
int files_charge(struct user *u, int fd, uint64_t bytes);

/* The sentence that goes with the last one but one. */
#define FILES_TOO_MANY                                                                               \
	"zcrxd can watch no more files of memory: have fs.inotify.max_user_watches raised, or close" \
	" what is not used any more."

/*
 * Says beforehand that a dma-buf made of a file is to be kept; takes both descriptors over, on
 * success only. Returns 0 or a negative errno. files_keep() is then called once, with the charge of
 * an area, which goes with the dma-buf.
 */
int files_keep_later(struct kept **ret, struct user *u, int memfd, int dmabuf);
void files_keep(struct kept *k);

/* Releases what has gone. Returns true if anything has. */
bool files_reap(void);

/* account_charge(), which looks what has gone before it says no. */
int files_account(struct user *u, enum account_kind kind, uint64_t n);

#endif
