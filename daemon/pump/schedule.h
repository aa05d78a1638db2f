/* SPDX-License-Identifier: MIT */
/*
 * When a queue takes its next turn: schedule_when() alone says it.
 *
 * A queue that has work takes turns until it has none; pace.h says how long traffic may gather
 * before such a turn. A queue without work takes a turn at a time that somebody named: to look
 * for buffers that came back unannounced, to nudge sockets (nudge.h), or because its client asked
 * for a turn and has to wait for it (backoff.h).
 *
 * Pure: the caller brings the clock.
 */
#ifndef ZCRXD_SCHEDULE_H
#define ZCRXD_SCHEDULE_H

#include <stdbool.h>
#include <stdint.h>

#include "daemon/pump/backoff.h"
#include "daemon/pump/pace.h"

#define SCHEDULE_NEVER         UINT64_MAX
#define SCHEDULE_LOOK_FIRST_NS 4000000ull
#define SCHEDULE_LOOK_MAX_NS   256000000ull

struct schedule {
	bool active;           /* there is work */
	bool asked;            /* the client asked for a turn that it has not got yet */
	bool heard;            /* this turn is one that the client asked for */
	uint64_t due_ns;       /* with work: no turn before this time, unless something happens */
	bool ran_out;          /* this turn is one whose wait nothing ended but time */
	uint64_t look_ns;      /* without work: a turn at this time; 0: none */
	uint64_t look_step_ns; /* how long the last look was put off; 0: data came since */
	uint64_t nudge_ns;     /* when the next socket is to be nudged; 0: none */
	struct pace pace;
	struct backoff backoff;
};

/* What a turn brought. */
struct schedule_turn {
	struct pace_turn brought; /* schedule_begin() found out whether its wait ran out */
	bool found;               /* completions, or something that the client gave */
};

/* It has work from the beginning. */
void schedule_init(struct schedule *s, const struct pace_limits *limits);

/* The time of the next turn: 0 at once, SCHEDULE_NEVER if there is no reason for one. */
uint64_t schedule_when(const struct schedule *s);

/* There is work; traffic gathers no longer. */
void schedule_now(struct schedule *s);

/* Without work, a turn at this time at the latest. */
void schedule_by(struct schedule *s, uint64_t ns);

/* The client asks for a turn. That ends no wait for traffic that gathers. */
void schedule_ask(struct schedule *s, uint64_t now_ns);

/* A turn begins; whatever the client asked for until now it gets by this turn. */
void schedule_begin(struct schedule *s, uint64_t now_ns);

/* Counts what the turn brought. True if the client asked for the turn, and in vain. */
bool schedule_count(struct schedule *s, const struct schedule_turn *t);

/*
 * The turn ends in one of two ways. More traffic is to gather: the next turn comes after the time
 * that pace.h chose, and false says that it chose none. Or there is no work any more, until one of
 * the functions above says otherwise.
 */
bool schedule_gather(struct schedule *s, uint64_t now_ns);
/* The wait that was just chosen lasts until then at most. */
void schedule_until(struct schedule *s, uint64_t ns);

void schedule_rest(struct schedule *s);

/* Nothing that was scheduled happens any more. */
void schedule_stop(struct schedule *s);

/* A turn after a while, which gets longer with each such turn until one brings data. */
void schedule_look(struct schedule *s, uint64_t now_ns);

#endif
