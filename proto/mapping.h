/* SPDX-License-Identifier: MIT */
/* Mappings of shared memory, on either side: made so that they can be undone, and undone. */
#ifndef ZCRX_PROTO_MAPPING_H
#define ZCRX_PROTO_MAPPING_H

#include <errno.h>
#include <linux/magic.h>
#include <stddef.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/vfs.h>
#include <unistd.h>

/* What the memory of a file consists of: pages, or huge ones. */
static inline size_t mapping_unit(int fd)
{
	struct statfs fs;
	if (fstatfs(fd, &fs) == 0 && fs.f_type == HUGETLBFS_MAGIC)
		return (size_t)fs.f_bsize;
	return (size_t)sysconf(_SC_PAGESIZE);
}

/*
 * Maps the file from its beginning, shared. Returns 0 or a negative errno, -EINVAL for a part of a
 * huge page: the kernel would map all of it, and not unmap a part.
 */
static inline int mapping_new(void **ret, int fd, size_t bytes, int protection, int flags)
{
	size_t unit = mapping_unit(fd);
	if (unit > (size_t)sysconf(_SC_PAGESIZE) && bytes % unit)
		return -EINVAL;
	void *at = mmap(NULL, bytes, protection, MAP_SHARED | flags, fd, 0);
	if (at == MAP_FAILED)
		return -errno;
	*ret = at;
	return 0;
}

/* Memory of our own, zeroed. The same. */
static inline int mapping_own(void **ret, size_t bytes)
{
	void *at = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (at == MAP_FAILED)
		return -errno;
	*ret = at;
	return 0;
}

/*
 * Unmaps what was mapped by these, as long as it was. That cannot fail but by a mistake of ours,
 * which would leave mappings behind until nobody can have any. (It needs no memory either: the
 * kernel joins neighbours of one file only, and each mapping has a file of its own, or begins it.)
 */
static inline void mapping_free(void *at, size_t bytes)
{
	if (munmap(at, bytes) < 0)
		abort();
}

#endif
