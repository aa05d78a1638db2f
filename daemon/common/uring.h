/* SPDX-License-Identifier: MIT */
/*
 * One io_uring of a pump thread.
 *
 * Under DEFER_TASKRUN polling the ring's own descriptor does not wake, and a registered eventfd
 * does so late: from Linux 7.2 on it waits for a grace period of RCU, some milliseconds, when a
 * socket brought the work. Hence threads sleep on the sockets themselves (flow_watch()). An eventfd
 * is for what comes from no socket.
 */
#ifndef ZCRXD_URING_H
#define ZCRXD_URING_H

#include <liburing.h>
#include <stdbool.h>
#include <stdint.h>

struct uring {
	struct io_uring io;
	int eventfd; /* -1: none */
	void *sqes;  /* of a shared ring, whose ring memory is elsewhere */
	size_t sqes_bytes;
	uint32_t in_vain; /* enters in a row for work that the kernel was to have */
};

#define URING_SQ_ENTRIES 64u
#define URING_NULL       ((struct uring){.io = {.ring_fd = -1}, .eventfd = -1})

/* Bytes of ring memory a CQ of that size needs, whole pages; and where its CQEs may begin at most.
 */
size_t uring_cq_bytes(uint32_t cq_entries, uint32_t cqe_bytes);

/*
 * A ring in the kernel's memory, as usual, without an eventfd. patient: on a thread that nobody
 * waits for; it may sleep until locked memory comes free, for three seconds. Returns 0 or a
 * negative errno.
 */
int uring_init_private(struct uring *u, uint32_t cq_entries, bool disabled, bool patient);

/*
 * A ring whose CQ the kernel writes into cq_memory (uring_cq_bytes() bytes, page aligned, the
 * caller's). *ret_params says where. The SQEs stay in private memory. It is disabled.
 */
int uring_init_shared(struct uring *u, void *cq_memory, uint32_t cq_entries, bool cqe32,
		      bool patient, struct io_uring_params *ret_params);

/*
 * Gives it an eventfd, to be polled with EPOLLET and never read: for all work that arrives, or only
 * for what one of the kernel's workers did, who get a receive when memory is short. Returns 0 or a
 * negative errno.
 */
int uring_eventfd(struct uring *u, bool workers_only);

/*
 * A disabled ring may be set up by any thread; the one that enables it is the only one from then
 * on. Returns 0 or a negative errno.
 */
int uring_enable(struct uring *u);

/* Frees a ring that either call made; does nothing to URING_NULL, which it leaves. */
void uring_done(struct uring *u);

/*
 * A ring of provided buffers, empty; entries is a power of two. NULL with a negative errno in
 * *ret_error. Freed by whichever thread, also after the ring; the kernel fills none from then on.
 */
struct io_uring_buf_ring *uring_buffers_new(struct uring *u, uint32_t entries, int group,
					    int *ret_error);
void uring_buffers_free(struct io_uring_buf_ring *b, uint32_t entries);

/* The next free SQE, zeroed; submits what is queued when the ring is full. Never NULL. */
struct io_uring_sqe *uring_sqe(struct uring *u);

/* The next n SQEs are submitted together, as linked ones have to be. */
void uring_sqes_together(struct uring *u, unsigned n);

/*
 * Submits and runs pending work: CQEs appear only in here. Returns a negative errno, or not; -EBADR
 * if uring_lost().
 */
int uring_enter(struct uring *u);

/* The same, and goes on until the CQ holds `fill` entries or no work is left; it does not wait. */
int uring_enter_fill(struct uring *u, uint32_t fill);

/*
 * Cancels all operations, or the one with this user_data, and runs what is left of them: files that
 * they held are let go. Their CQEs come as far as there is room and memory for them. True: none is
 * left, and the kernel writes nothing for them any more. False: one of its workers is still at one;
 * to be tried again.
 */
bool uring_stop(struct uring *u);
bool uring_stop_one(struct uring *u, uint64_t user_data);

/* The oldest CQE, without entering the kernel; NULL: none. */
struct io_uring_cqe *uring_peek(struct uring *u);

/*
 * There is work that the last enter left or that came since, though it brought nothing (came): the
 * kernel runs some at a time. To be asked after each enter; operations: how many there may be.
 */
bool uring_pending(struct uring *u, bool came, uint32_t operations);

/* CQEs wait in the kernel because the CQ is full. */
bool uring_overflown(const struct uring *u);

/* How many CQEs found neither room in the CQ nor memory to wait in, and are gone. */
uint32_t uring_lost(const struct uring *u);

#endif
