/* SPDX-License-Identifier: MIT */
#include "daemon/pump/schedule.h"

void schedule_init(struct schedule *s, const struct pace_limits *limits)
{
	*s = (struct schedule){.active = true};
	pace_init(&s->pace, limits);
}

uint64_t schedule_when(const struct schedule *s)
{
	if (s->active)
		return s->due_ns;
	return s->look_ns ? s->look_ns : SCHEDULE_NEVER;
}

void schedule_now(struct schedule *s)
{
	s->active = true;
	s->due_ns = 0;
}

void schedule_by(struct schedule *s, uint64_t ns)
{
	if (!s->look_ns || s->look_ns > ns)
		s->look_ns = ns;
}

void schedule_ask(struct schedule *s, uint64_t now_ns)
{
	uint64_t until_ns = backoff_until(&s->backoff, now_ns);
	s->asked = true;
	if (until_ns)
		schedule_by(s, until_ns);
	else if (!s->active)
		schedule_now(s);
}

void schedule_begin(struct schedule *s, uint64_t now_ns)
{
	s->ran_out = s->due_ns && now_ns >= s->due_ns;
	s->heard = s->asked;
	s->asked = false;
	s->active = true;
	s->due_ns = 0;
}

bool schedule_count(struct schedule *s, const struct schedule_turn *t)
{
	struct pace_turn brought = t->brought;
	brought.ran_out = s->ran_out;
	pace_next(&s->pace, &brought);
	backoff_turn(&s->backoff, brought.now_ns, s->heard, t->found);
	if (brought.completions > 0)
		s->look_step_ns = 0;
	return s->heard && !t->found;
}

bool schedule_gather(struct schedule *s, uint64_t now_ns)
{
	if (!s->pace.wait_us)
		return false;
	s->due_ns = now_ns + s->pace.wait_us * 1000ull;
	return true;
}

void schedule_until(struct schedule *s, uint64_t ns)
{
	if (s->due_ns > ns)
		s->due_ns = ns;
}

void schedule_rest(struct schedule *s)
{
	s->active = false;
	s->look_ns = s->nudge_ns;
}

void schedule_stop(struct schedule *s)
{
	s->active = false;
	s->look_ns = s->nudge_ns = 0;
}

void schedule_look(struct schedule *s, uint64_t now_ns)
{
	if (!s->look_step_ns)
		s->look_step_ns = SCHEDULE_LOOK_FIRST_NS;
	else if (s->look_step_ns < SCHEDULE_LOOK_MAX_NS)
		s->look_step_ns *= 2;
	schedule_by(s, now_ns + s->look_step_ns);
}
