/* SPDX-License-Identifier: MIT */
/* Memory in files that zcrxd writes and a client may read. */
#ifndef ZCRXD_MEMFD_H
#define ZCRXD_MEMFD_H

#include <stdbool.h>
#include <stddef.h>

/* Makes an empty memfd that can be sealed. Returns the descriptor or a negative errno. */
int memfd_new(const char *name);

/* Maps the whole file for reading and writing. Returns 0 or a negative errno. */
int memfd_map(int fd, size_t bytes, char **ret_map);

/*
 * From now on nobody can change the size of the file; nor, unless it may be written, open it again
 * for writing, but root. Returns 0 or a negative errno.
 */
int memfd_fix(int fd, bool may_be_written);

/*
 * From now on nobody can write to the file or map it for writing, whoever opens it again. Mappings
 * that exist stay writable. Returns 0 or a negative errno.
 */
int memfd_seal(int fd);

/* Returns a read-only descriptor of the same file, which the caller owns, or a negative errno. */
int memfd_readonly(int fd);

#endif
