/* SPDX-License-Identifier: MIT */
/*
 * Memory that payload lands in: a client's sealed memfd, mapped for the kernel to copy into. The
 * daemon never touches its bytes in user mode. F_SEAL_SHRINK keeps the mapping whole; holes punched
 * into it read as zero and harm only its owner.
 */
#ifndef ZCRXD_AREA_H
#define ZCRXD_AREA_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/queue.h>

struct peer;

struct area {
	LIST_ENTRY(area) link;
	uint32_t id;
	void *base;
	uint64_t bytes;
	struct peer *peer;
	bool in_use; /* by a queue */
};

/*
 * Checks and maps fd (borrowed). Returns 0 or a negative errno with *ret_reason set
 * (proto/reason.h). kind is an enum msg_area_kind.
 */
int area_new(struct area **ret, struct peer *peer, int fd, uint32_t kind, uint64_t bytes,
	     uint32_t *ret_reason);
struct area *area_free(struct area *a);

/* The daemon's own memfds must not come back as somebody's area: their inodes are remembered. */
int area_forbid(int fd);
void area_allow(int fd);

#endif
