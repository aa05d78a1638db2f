/* SPDX-License-Identifier: MIT */
/*
 * An io_uring that one thread uses.
 *
 * The rings run with DEFER_TASKRUN. Polling the descriptor of such a ring does not wake anybody. A
 * registered eventfd wakes late: from Linux 7.2 on it waits for a grace period of RCU, some
 * milliseconds, when a socket brought the work. So threads poll the sockets themselves
 * (flow_watch()), and an eventfd only for what comes from no socket.
 */
#ifndef ZCRXD_URING_H
#define ZCRXD_URING_H

#include <liburing.h>
#include <stdbool.h>
#include <stdint.h>

struct uring {
	struct io_uring io;
	int eventfd; /* -1: none */
	void *sqes;  /* of a shared ring; NULL: the ring is private */
	size_t sqes_bytes;
	uint32_t in_vain; /* how often in a row uring_pending() was true and nothing came */
};

#define URING_SQ_ENTRIES 64u
#define URING_NULL       ((struct uring){.io = {.ring_fd = -1}, .eventfd = -1})

/*
 * Makes a ring where this process may make none itself. As io_uring_setup(), but that the CQ's
 * memory is the beginning of cq_file, or -1: the kernel's; and with cq_file *ret_sqes becomes a
 * file with the SQEs, which is the caller's. Returns the ring's descriptor or a negative errno.
 */
typedef int uring_maker(unsigned entries, struct io_uring_params *p, int cq_file, int *ret_sqes);

/* From now on rings are made so. Before the second thread. */
void uring_made_by(uring_maker *maker);

/* How many bytes of memory a CQ of that size needs, rounded up to pages. */
size_t uring_cq_bytes(uint32_t cq_entries, uint32_t cqe_bytes);

/*
 * Makes a ring in memory of the kernel's, as usual. disabled: until uring_enable(). patient: nobody
 * waits for this thread, so it may sleep for up to three seconds until locked memory comes free.
 * Returns 0 or a negative errno.
 */
int uring_init_private(struct uring *u, uint32_t cq_entries, bool disabled, bool patient);

/*
 * Makes a ring whose CQ lies in cq_memory: uring_cq_bytes() bytes from the beginning of cq_file,
 * which the caller has mapped and owns. The caller sets p->cq_entries; on return *p is as the
 * kernel filled it in, and says where in cq_memory head, tail and CQEs are. The SQEs stay in
 * private memory. The ring is disabled until uring_enable(). Returns 0 or a negative errno.
 */
int uring_init_shared(struct uring *u, int cq_file, void *cq_memory, bool cqe32, bool patient,
		      struct io_uring_params *p);

/*
 * Gives the ring an eventfd, which is polled with EPOLLET and never read. The kernel writes it when
 * work arrives, or, if workers_only, when one of its workers has done some: they get a receive when
 * memory is short. Returns 0 or a negative errno.
 */
int uring_eventfd(struct uring *u, bool workers_only);

/*
 * Any thread may set up a disabled ring. Once it is enabled, only the thread that enabled it may
 * use it. Returns 0 or a negative errno.
 */
int uring_enable(struct uring *u);

/* Frees the ring and leaves URING_NULL. Does nothing to URING_NULL. */
void uring_done(struct uring *u);

/*
 * Makes an empty ring of provided buffers; entries is a power of two. Returns NULL with a negative
 * errno in *ret_error if that fails. Any thread may free it, also after uring_done(); from then on
 * the kernel fills none of the buffers.
 */
struct io_uring_buf_ring *uring_buffers_new(struct uring *u, uint32_t entries, int group,
					    int *ret_error);
void uring_buffers_free(struct io_uring_buf_ring *b, uint32_t entries);

/* Returns the next free SQE, zeroed and never NULL. Submits what is queued when the SQ is full. */
struct io_uring_sqe *uring_sqe(struct uring *u);

/*
 * Submits what is queued and runs pending work. CQEs appear in this call and the next one only.
 * Returns a negative errno if it failed; -EBADR if CQEs are lost: uring_lost().
 */
int uring_enter(struct uring *u);

/* Runs pending work until the CQ holds `fill` entries or no work is left. Does not wait. */
int uring_enter_fill(struct uring *u, uint32_t fill);

/*
 * Cancels all operations, or the one with this user_data, and runs what is left of them, so that
 * the kernel lets go of their files. Their CQEs come as far as there is room and memory for them.
 * Returns true if no operation is left: then the kernel writes nothing for them any more. Returns
 * false if one of the kernel's workers is still busy with one: the caller tries again later.
 */
bool uring_stop(struct uring *u);
bool uring_stop_one(struct uring *u, uint64_t user_data);

/* Returns the oldest CQE without entering the kernel; NULL: there is none. */
struct io_uring_cqe *uring_peek(struct uring *u);

/*
 * Has the kernel work that the last enter left, or that came since? To be asked after each enter.
 * came: that enter brought something. operations: how many may be under way.
 */
bool uring_pending(struct uring *u, bool came, uint32_t operations);

/* Do CQEs wait in the kernel because the CQ is full? */
bool uring_overflown(const struct uring *u);

/* How many CQEs are gone, since there was neither room in the CQ nor memory for them to wait in? */
uint32_t uring_lost(const struct uring *u);

#endif
