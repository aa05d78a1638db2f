/* SPDX-License-Identifier: MIT */
/*
 * Something that may block for long, done on a thread of its own for another one, which goes on
 * meanwhile: changes to NICs, which some drivers restart for them; closing what clients can make
 * wait. Whoever starts it looks now
 * and then whether it is over; an eventfd is written when it is.
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

/* On this very thread. */
void work_do(struct work *w, void (*run)(void *arg), void *arg, int wake);

/* On a thread of its own. False, and nothing is done, if there is none to be had. */
bool work_try(struct work *w, void (*run)(void *arg), void *arg, int wake);

/* Without a thread to be had on this one. */
void work_start(struct work *w, void (*run)(void *arg), void *arg, int wake);

bool work_is_over(const struct work *w);

/* Waits for it. Afterwards what it did can be seen. */
void work_join(struct work *w);

#endif
