/* SPDX-License-Identifier: MIT */
/*
 * Work that may block for long, done on a thread of its own while the thread that started it goes
 * on. Such work is a change to a NIC, which some drivers restart for it, or closing what a client
 * can make wait. An eventfd is written when the work is over, and whoever started it looks whether
 * it is.
 */
#ifndef ZCRXD_WORK_H
#define ZCRXD_WORK_H

#include <pthread.h>
#include <stdbool.h>

struct work {
	void (*run)(void *arg);
	void *arg;
	int wake; /* eventfd, borrowed; -1: none */
	bool is_thread;
	bool is_over; /* atomic */
	pthread_t thread;
};

/* Does the work on the calling thread. */
void work_do(struct work *w, void (*run)(void *arg), void *arg, int wake);

/* Starts the work on a thread of its own. False: there is no thread, and nothing is done. */
bool work_try(struct work *w, void (*run)(void *arg), void *arg, int wake);

/* Starts the work on a thread of its own; if there is none, does it on the calling thread. */
void work_start(struct work *w, void (*run)(void *arg), void *arg, int wake);

bool work_is_over(const struct work *w);

/* Does any thread of any work still run? */
bool work_any(void);

/* Waits for the end of the work. Afterwards the caller sees what the work did. */
void work_join(struct work *w);

#endif
