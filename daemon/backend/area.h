/* SPDX-License-Identifier: MIT */
/*
 * Memory that payload lands in. It is a client's sealed memfd, which is mapped so that the kernel
 * can copy into it; or a dma-buf, which is mapped if its exporter can; or both, if zcrxd made
 * the dma-buf of the memfd. zcrxd itself reads and writes none of its bytes. F_SEAL_SHRINK
 * keeps the mapping whole; a hole that the client punches into it reads as zero, and harms nobody
 * else.
 */
#ifndef ZCRXD_AREA_H
#define ZCRXD_AREA_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/queue.h>

struct answer;
struct msg_area_add;
struct kept;
struct user;

struct area {
	LIST_ENTRY(area) link;
	uint32_t id;
	void *base; /* NULL: a dma-buf that cannot be mapped */
	uint64_t bytes;
	int memfd;         /* -1: it is a dma-buf of the client's */
	int dmabuf;        /* -1: there is none */
	struct kept *kept; /* if zcrxd made the dma-buf, or NULL: files.h */
	struct user *user;
	uint64_t charged; /* bytes that are released with the area; a file's are not: files.h */
	bool in_use;      /* a queue has it */
};

/*
 * Checks, charges and maps fd (borrowed) as the request says; bytes_most is the largest area that
 * any backend receives into. Returns REASON_NONE or why not.
 */
uint32_t area_new(struct area **ret, struct user *user, int fd, const struct msg_area_add *m,
		  uint64_t bytes_most, struct answer *a);
struct area *area_free(struct area *a);

/*
 * Files that must not become an area, known by their inodes: zcrxd's own memfds, and dma-bufs
 * that are an area already, since two allocators over the same bytes would fill them twice.
 * area_forbid() returns 0, -EEXIST if the file is forbidden already, or another negative errno.
 */
int area_forbid(int fd);
void area_allow(int fd);

#endif
