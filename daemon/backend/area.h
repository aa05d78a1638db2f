/* SPDX-License-Identifier: MIT */
/*
 * Memory that payload lands in: a client's sealed memfd, mapped for the kernel to copy into, or a
 * dma-buf, mapped if its exporter can, or both: a memfd of which the daemon made a dma-buf. The
 * daemon never touches its bytes in user mode. F_SEAL_SHRINK keeps the mapping whole; holes punched
 * into it read as zero and harm only its owner.
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
	struct kept *kept; /* if we made that, or NULL */
	struct user *user;
	uint64_t charged; /* beside what is charged for a file */
	bool in_use;      /* by a queue */
};

/*
 * Checks, charges and maps fd (borrowed) as the request says; bytes_most is the largest area that
 * any backend receives into. Returns REASON_NONE or why not.
 */
uint32_t area_new(struct area **ret, struct user *user, int fd, const struct msg_area_add *m,
		  uint64_t bytes_most, struct answer *a);
struct area *area_free(struct area *a);

/*
 * Files that must not become an area, by their inodes: the daemon's own memfds, and dma-bufs that
 * are one already, since two allocators over the same bytes would fill them twice.
 */
int area_forbid(int fd); /* -EEXIST: it is one of them already */
void area_allow(int fd);

#endif
