/* SPDX-License-Identifier: MIT */
/*
 * In a pump some threads must never wait for the broker's answer: a queue's, since its streams
 * would stand still, and the one that reads the answers. They say so when they begin, and whoever
 * waits for an answer asserts that the thread may.
 */
#ifndef ZCRXD_MAY_WAIT_H
#define ZCRXD_MAY_WAIT_H

#include <stdbool.h>

/* The calling thread may wait, or may not, from now on. Any thread may at first. */
void may_wait_set(bool may);

bool may_wait(void);

#endif
