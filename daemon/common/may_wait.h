/* SPDX-License-Identifier: MIT */
/*
 * Threads that must never wait: in a pump a queue's thread, since its streams would stand still,
 * and the one that reads the broker's answers; in the broker the control thread. They say so when
 * they begin. Whoever waits for an answer asserts that the thread may.
 */
#ifndef ZCRXD_MAY_WAIT_H
#define ZCRXD_MAY_WAIT_H

#include <stdbool.h>

/* The calling thread may wait, or may not, from now on. Any thread may at first. */
void may_wait_set(bool may);

bool may_wait(void);

#endif
