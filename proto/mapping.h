/* SPDX-License-Identifier: MIT */
/*
 * Maps and unmaps shared memory, for the daemon and for the library. What is mapped here can be
 * unmapped.
 */
#ifndef ZCRX_PROTO_MAPPING_H
#define ZCRX_PROTO_MAPPING_H

#include <errno.h>
#include <linux/magic.h>
#include <stddef.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/vfs.h>
#include <unistd.h>

/*
 * The size in bytes of the pages that the file's memory consists of: ordinary ones, or huge ones.
 */
static inline size_t mapping_unit(int fd)
{
	struct statfs fs;
	if (fstatfs(fd, &fs) == 0 && fs.f_type == HUGETLBFS_MAGIC)
		return (size_t)fs.f_bsize;
	return (size_t)sysconf(_SC_PAGESIZE);
}

/*
 * Maps `bytes` bytes of the file from its beginning, shared. Returns 0 or a negative errno: -EINVAL
 * if the mapping would end within a huge page, since the kernel would map the whole page and then
 * refuse to unmap a part of it.
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

/* Maps zeroed memory that belongs to no file. Returns 0 or a negative errno. */
static inline int mapping_own(void **ret, size_t bytes)
{
	void *at = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (at == MAP_FAILED)
		return -errno;
	*ret = at;
	return 0;
}

/*
 * Unmaps a whole mapping that one of the functions above made. Only a mistake of ours can make
 * munmap() fail, and it would leave mappings behind until the process can have no more: so it
 * aborts. (munmap() needs memory only to split a mapping that the kernel joined with a neighbour.
 * The kernel joins neighbours of one file only, and each mapping here has a file of its own.)
 */
static inline void mapping_free(void *at, size_t bytes)
{
	if (munmap(at, bytes) < 0)
		abort();
}

#endif
