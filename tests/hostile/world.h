/* SPDX-License-Identifier: MIT */
/*
 * A zcrxd with an ordinary client on it, the *neighbour*, who receives a stream all the time and
 * checks its bytes. Whatever a test does to the daemon, the neighbour must not notice, the status
 * socket must answer at once, and nothing may be left behind.
 */
#ifndef TESTS_HOSTILE_WORLD_H
#define TESTS_HOSTILE_WORLD_H

#include <stdbool.h>
#include <stdint.h>

#include "tests/harness/harness.h"

enum {
	WORLD_PATIENCE_MS = HARNESS_PATIENCE_MS
};

extern struct harness_daemon zcrxd;

/* Starts the daemon, with the text of its configuration or NULL, and the neighbour. */
void world_start(const char *config);
/* Ends both; the daemon has to end well. */
void world_stop(void);
/* The same in the form of a group's setup, without a configuration, and teardown. */
int world_setup(void **state);
int world_teardown(void **state);

/* The neighbour goes on and the status socket answers, now. */
void world_is_well(void);

/*
 * Waits until the neighbour is the only client and the daemon holds as many descriptors as in the
 * beginning; then all has to be well. Has the form of a test's teardown.
 */
int world_is_empty(void **state);
/* The same, then world_stop(): the teardown of a case that has a daemon of its own. */
int world_close(void **state);

/* Lets the neighbour rest, so that the daemon is idle. */
void world_rest(bool on);

/* The document of the status socket; fails unless it comes at once. The caller frees it. */
char *world_status(void);
/* Number of the daemon's clients, and of the queues of all of them. */
int world_clients(void);
int world_queues(void);

int world_fds(void);
/* How many lines of the daemon's log have this. */
int world_logged(const char *text);
/* Does no thread of the daemon want to run, nor another one of this process? */
bool world_sleeps(void);
/* CPU time the daemon has used, in microseconds; its resident memory in KiB. */
uint64_t world_cpu_us(void);
uint64_t world_rss_kib(void);

/* The suite runs under a sanitizer: everything is slower and memory means nothing. */
bool world_is_sanitized(void);

/* Waits until the condition holds; fails after WORLD_PATIENCE_MS. */
#define WORLD_UNTIL(condition)                                                           \
	for (uint64_t world_until = harness_now_ms() + WORLD_PATIENCE_MS; !(condition);) \
	world_wait(world_until, #condition)
void world_wait(uint64_t until, const char *condition);

#define WORLD_CASE(name) cmocka_unit_test_teardown(name, world_is_empty)

#endif
