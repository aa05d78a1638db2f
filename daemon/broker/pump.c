/* SPDX-License-Identifier: MIT */
#include "daemon/broker/pump.h"

#include <signal.h>
#include <string.h>
#include <sys/pidfd.h>

#include "base/clock.h"
#include "daemon/common/log.h"
#include "daemon/grant/classes.h"
#include "daemon/grant/rates.h"

/* A user that asks for too much is not looked at for each message that it may send. */
#define REST_US 20000u

const struct policy_class *pump_class(const struct pump *p, struct classes **ret)
{
	*ret = classes_get();
	const struct policy_class *class = policy_class_of(classes_policy(*ret), &p->is);
	return class && strcmp(class->name, p->who.class) == 0 ? class : &policy_nobody;
}

/*
 * One that is held, for an upgrade, is read until it has said what the next broker needs: what it
 * has, if it was taken over a moment ago, and that it can be taken over, if it was just started.
 */
void pump_read(struct pump *p)
{
	bool reads = !p->dead && !p->broken && !p->resting && p->n_jobs < JOBS_MAX &&
		     (!p->held || p->taken || !p->classed);
	if (p->io)
		sd_event_source_set_enabled(p->io, reads ? SD_EVENT_ON : SD_EVENT_OFF);
}

bool pump_may_go_on(struct pump *p)
{
	uint64_t wait_us = rates_link_wait(p->who.user, clock_ns()) / 1000;
	if (wait_us == 0)
		return true;
	/* Without a timer nothing would end the rest. */
	if (sd_event_source_set_time_relative(p->rest, wait_us > REST_US ? wait_us : REST_US) < 0 ||
	    sd_event_source_set_enabled(p->rest, SD_EVENT_ONESHOT) < 0)
		return true;
	p->resting = true;
	pump_read(p);
	return false;
}

void pump_break(struct pump *p, const char *what)
{
	if (p->broken)
		return;
	p->broken = true;
	log_warn("the pump of client %u (pid %d) %s: it is ended", p->id, (int)p->who.pid, what);
	pump_read(p);
	pidfd_send_signal(p->pidfd, SIGKILL, NULL, 0);
}

static void run(void *data)
{
	struct job *j = data;
	j->run(j->pump, j);
}

/* Is no earlier job on the same lease? */
static bool is_its_turn(const struct pump *p, const struct job *j)
{
	const struct job *first = TAILQ_FIRST(&p->jobs);
	while (first != j && !(j->on_lease && first->on_lease && first->lease == j->lease))
		first = TAILQ_NEXT(first, link);
	return first == j;
}

void pump_work_on(struct pump *p)
{
	struct job *j;
	if (p->dead || p->held)
		return;
	TAILQ_FOREACH (j, &p->jobs, link) {
		if (p->n_working == JOBS_AT_ONCE_MAX)
			return;
		if (j->working || !is_its_turn(p, j))
			continue;
		j->working = true;
		j->pump = p;
		p->n_working++;
		work_start(&j->work, run, j, p->wake);
	}
}

void pump_work(struct pump *p, struct job *j)
{
	TAILQ_INSERT_TAIL(&p->jobs, j, link);
	if (++p->n_jobs >= JOBS_MAX)
		pump_read(p);
	pump_work_on(p);
}

static void job_drop(struct pump *p, struct job *j)
{
	work_join(&j->work);
	TAILQ_REMOVE(&p->jobs, j, link);
	j->drop(j);
	p->n_jobs--;
	p->n_working--;
}

bool pump_work_over(struct pump *p)
{
	struct job *j, *next;
	bool any = false;
	for (j = TAILQ_FIRST(&p->jobs); j; j = next) {
		next = TAILQ_NEXT(j, link);
		if (!j->working || !work_is_over(&j->work))
			continue;
		job_drop(p, j);
		any = true;
	}
	return any;
}
