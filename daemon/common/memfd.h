/* SPDX-License-Identifier: MIT */
/* Files of memory that a client may read and the daemon writes, through a mapping made before. */
#ifndef ZCRXD_MEMFD_H
#define ZCRXD_MEMFD_H

#include <stddef.h>

/* An empty one, of no size, that can be sealed. Returns the descriptor or a negative errno. */
int memfd_new(const char *name);

/* Maps all of it for reading and writing. Returns 0 or a negative errno. */
int memfd_map(int fd, size_t bytes, char **ret_map);

/* From now on nobody changes its size or maps it for writing, whoever reopens it. */
int memfd_seal(int fd);

/* A descriptor of it for reading, the caller's. Or a negative errno. */
int memfd_readonly(int fd);

#endif
