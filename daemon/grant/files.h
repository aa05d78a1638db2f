/* SPDX-License-Identifier: MIT */
/*
 * Memory that a client can go on using after zcrxd let go of it, and who is charged until nobody
 * does.
 *
 * A *file* of memory (of an area, of rings, of a side buffer) is charged to a user before zcrxd
 * uses it and until its inode goes, which is when no process has it open, mapped or in flight any
 * more. The kernel tells by inotify when that happens, and no client can delay or hasten it. A user
 * who makes the same file an area again is not charged twice.
 *
 * A dma-buf that zcrxd made of a file keeps the file's memory, and the kernel does not tell when it
 * goes. So when its area is deleted the dma-buf is *kept*, with its file and the charge of the
 * area, until the kernel counts nobody else who has it.
 *
 * A socket of zcrxd's network namespace that was opened for a user is charged to it until the last
 * descriptor is closed, whoever has it. The kernel tells of that in the same way.
 *
 * Any thread may call these. There is one inotify instance. The control thread takes its events,
 * and so does a thread that would have to refuse a request otherwise.
 */
#ifndef ZCRXD_FILES_H
#define ZCRXD_FILES_H

#include <stdbool.h>
#include <stdint.h>

#include "daemon/grant/account.h"

struct kept;

/*
 * ret_due: two borrowed descriptors; files_reap() is due when one is readable. Returns 0 or a
 * negative errno.
 */
int files_init(int ret_due[2]);
/* Releases everything. */
void files_done(void);

/*
 * Charges a file's bytes. Returns 0, -EDQUOT, -EACCES if zcrxd may not read the file, -ENOSPC if it
 * may watch no more files, or another negative errno. `why` as with account_charge(), also below.
 */
int files_charge(struct user *u, int fd, uint64_t bytes, char why[LIMITS_SAID_BYTES]);

/*
 * Charges a socket of the host, which nobody but the caller has yet (account_hosted()). Returns 0,
 * -EDQUOT, -ENOSPC if zcrxd may watch no more files, or another negative errno.
 */
int files_host(struct user *u, int sock, bool listening);

/* A file of memory that zcrxd makes. Only the refills' can be opened for writing again. */
enum file_kind {
	FILE_CQ,
	FILE_RQ,
	FILE_SIDE, /* it has pages only where something was written */
	FILE_KINDS
};

/*
 * Makes one of a fixed size and charges it. *ret_readonly becomes another descriptor of it, that
 * can only read. Returns the descriptor, or a negative errno; both are the caller's.
 */
int files_new(struct user *u, enum file_kind kind, uint64_t bytes, int *ret_readonly,
	      char why[LIMITS_SAID_BYTES]);

/* The sentence for -ENOSPC. */
#define FILES_TOO_MANY                                                                               \
	"zcrxd can watch no more files of memory: have fs.inotify.max_user_watches raised, or close" \
	" what is not used any more."

/*
 * Keeps a dma-buf, for which kept_new() (kept.h) has prepared. The charge of one area goes with it.
 */
void files_keep(struct kept *k);

/*
 * Releases the charges of what has gone. Returns true if anything has. A thread that may not wait
 * (daemon/common/may_wait.h) has dma-bufs closed by another one; one that may waits until those of
 * this user, or with NULL all, are closed that nobody else has (kept_reap()).
 */
bool files_reap(const struct user *u);

/* account_charge(), but reaps what has gone before it refuses. */
int files_account(struct user *u, enum account_kind kind, uint64_t n, char why[LIMITS_SAID_BYTES]);

#endif
