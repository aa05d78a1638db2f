/* SPDX-License-Identifier: MIT */
/*
 * An epoll set and what its events lead to. It belongs to one thread, which waits in loop_turn();
 * any thread may watch and unwatch descriptors. Nothing else in zcrxd calls epoll.
 */
#ifndef ZCRXD_LOOP_H
#define ZCRXD_LOOP_H

#include <stdbool.h>
#include <stdint.h>

/* What to call for an event. The owner keeps it in place for as long as the descriptor is watched.
 */
struct source {
	void (*ready)(void *owner, uint32_t events);
	void *owner;
};

struct loop {
	int epoll;
};

#define LOOP_NULL    ((struct loop){.epoll = -1})
#define LOOP_FOREVER UINT64_MAX

/* Returns 0 or a negative errno. */
int loop_init(struct loop *l);

/* Does nothing to LOOP_NULL, which it leaves. */
void loop_done(struct loop *l);

/* events: as for epoll_ctl(2). Returns 0 or a negative errno. */
int loop_watch(struct loop *l, int fd, uint32_t events, struct source *source);

/* Watches the descriptor for other events than before. */
void loop_rewatch(struct loop *l, int fd, uint32_t events, struct source *source);

/*
 * To be called before the descriptor is closed: others may hold the same file, and then the set
 * would keep it.
 */
void loop_unwatch(struct loop *l, int fd);

/*
 * Waits at most wait_ns, LOOP_FOREVER without a limit, and calls the sources of some events. True
 * if there may be more of them.
 */
bool loop_turn(struct loop *l, uint64_t wait_ns);

#endif
