/* SPDX-License-Identifier: MIT */
/*
 * Hands that the broker's module starts, for one case at a time: the real zcrx-hand of $ZCRX_HAND,
 * and what it answers.
 */
#ifndef TESTS_HAND_FIXTURE_H
#define TESTS_HAND_FIXTURE_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>
#include <systemd/sd-event.h>

#include "daemon/broker/hand.h"
#include "tests/hand/objects.h"

#define PAYER    7
#define LIMIT_MS 60000 /* of what is not to be late; a machine may be busy */
#define DEADLINE 200
#define TICK_US  5000

extern sd_event *loop;
extern struct hands *hands;

struct outcome {
	unsigned calls, shown;
	int verdict; /* on what is shown */
	struct hand_reply reply;
	int fd;
};

/* A job on what a pump gives. */
struct given {
	struct hand_job job;
	int first, second; /* the pump's numbers; -1: none */
};

/* What hands show and answer goes to the struct outcome that is their owner. */
extern const struct hand_calls calls;

/* A case's setup and teardown. */
int setup(void **state);
int teardown(void **state);

/* The jobs of a zcrx queue and of one or two memfds (second -1: one), as they are to be. */
struct given zcrx_job(const struct stand_in *p, const char *ifname);
struct given files_job(int first, int second);

/* Starts a hand for what the pump gives. Returns what hand_start() returns. */
int try_given(struct outcome *o, const struct stand_in *p, const struct given *g, uint64_t payer,
	      uint64_t deadline_ms);
/* The same, which must not fail. *o is made anew, but for its verdict. */
void start_given(struct outcome *o, const struct stand_in *p, const struct given *g, uint64_t payer,
		 uint64_t deadline_ms);
/* Until the hand has answered. */
void wait_for(const struct outcome *o);
/* The same, while this process has no room for the descriptors that come with answers. */
void wait_for_without_room(const struct outcome *o);
/* Until PAYER has no hand. */
void wait_for_nobody(void);
/*
 * Does PAYER have one hand more than before, which sleeps and does not end? One that was killed and
 * can end has deadline_ms for it. On a busy machine a hand may be killed before it gets stuck:
 * begin with DEADLINE and give the next one twice the time.
 */
bool got_stuck(unsigned before, uint64_t deadline_ms);
/* Starts a hand for PAYER and waits until it has answered and is gone. */
void run_given(struct outcome *o, const struct stand_in *p, const struct given *g);

/* Starts a hand that is told the facts of a socket. Returns the end by which the socket is given.
 */
int facts_start(struct outcome *o, struct hand **ret, uint64_t deadline_ms);
/* Gives it the socket, and closes the end. */
void give(int end, int sock);
/* Both, and waits until the hand has answered. */
void facts_of(struct outcome *o, int sock);
extern const struct hand_job facts_job;

/* How many of this thread's children are so. ret_first, if given: one of them, or 0. */
unsigned children_that(bool (*are)(pid_t pid), pid_t *ret_first);
/* A hand among them; 0: there is none. */
pid_t hand_find(void);
bool is_hand(pid_t pid);

#endif
