/* SPDX-License-Identifier: MIT */
/* Numbers out of /proc. `dir` is a directory's fd, or AT_FDCWD with an absolute path. */
#ifndef ZCRX_NIC_PROCFS_H
#define ZCRX_NIC_PROCFS_H

#include <stdint.h>
#include <stdio.h>

/* Opens a file. Returns NULL with errno set if that fails; the caller closes the file. */
FILE *procfs_open(int dir, const char *path);

/* Reads up to `max` numbers from the first line. Returns how many there are, or a negative errno.
 */
int procfs_numbers(const char *path, int64_t *ret, unsigned max);

/* Reads the number after `key` ("CapEff:") in a file of such lines; -ENODATA if there is none. */
int procfs_field(int dir, const char *path, const char *key, int base, uint64_t *ret);

#endif
