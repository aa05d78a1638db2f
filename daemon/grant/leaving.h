/* SPDX-License-Identifier: MIT */
/*
 * Leases that were given back. Who had one may still have its queues: the kernel lets go of them
 * some time after their io_uring was closed, and not at all if a pump that was taken over keeps it
 * open. So the kernel is asked, again and again, and until it has let go the queues are not leased
 * to anybody, and stay charged and guarded.
 *
 * Only the holder of the NIC's lock may use these, except leavings_at().
 */
#ifndef ZCRXD_LEAVING_H
#define ZCRXD_LEAVING_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/queue.h>
#include <sys/types.h>

struct guarded;

/* One lease. */
struct leaving {
	LIST_ENTRY(leaving) link;
	const struct guarded *guarded; /* borrowed: its queues */
	pid_t hand;            /* of a hand that may register them as long as it lives; or 0 */
	uint64_t hand_started; /* as process.h has it */
	uint64_t since_ns;
	bool hand_lives; /* it did before the kernel was asked last */
	bool bound;      /* atomic: the kernel said so when it was asked last */
	bool told;       /* the log says that the kernel does not let go */
};

/* Those of one NIC. */
struct leavings {
	const char *nic; /* borrowed */
	LIST_HEAD(, leaving) list;
	uint64_t at_ns; /* atomic: when the kernel is to be asked again; 0: there are none */
	uint64_t pause_ns;
	uint64_t asked_ns; /* when the kernel was asked last */
};

void leavings_init(struct leavings *all, const char *nic);

/* *x has `guarded`, `hand` and `hand_started`. */
void leaving_add(struct leavings *all, struct leaving *x);

/*
 * Asks the kernel, and calls over() for each lease that it has let go of, which is not in the list
 * any more.
 */
void leavings_look(struct leavings *all, uint32_t ifindex, void (*over)(struct leaving *x));

/*
 * The same for somebody who waits for queues. However many wait, the kernel is asked every 5 ms at
 * most, and leavings_look() is due when it was.
 */
void leavings_ask(struct leavings *all, uint32_t ifindex, void (*over)(struct leaving *x));

/* When leavings_look() is due again (monotonic, ns); UINT64_MAX: never. Any thread may ask. */
uint64_t leavings_at(const struct leavings *all);

/* Is it so short a time ago that the kernel may let go of it soon? */
bool leaving_is_young(const struct leaving *x);

#endif
