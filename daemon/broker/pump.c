/* SPDX-License-Identifier: MIT */
#include "daemon/broker/pump.h"

#include <signal.h>
#include <string.h>
#include <sys/pidfd.h>

#include "daemon/common/log.h"
#include "daemon/grant/classes.h"

const struct policy_class *pump_class(const struct pump *p, struct classes **ret)
{
	*ret = classes_get();
	const struct policy_class *class = policy_class_of(classes_policy(*ret), &p->is);
	return class && strcmp(class->name, p->who.class) == 0 ? class : &policy_nobody;
}

void pump_break(struct pump *p, const char *what)
{
	if (p->broken)
		return;
	p->broken = true;
	log_warn("the pump of client %u (pid %d) %s: it is ended", p->id, (int)p->who.pid, what);
	sd_event_source_set_enabled(p->io, SD_EVENT_OFF);
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
		sd_event_source_set_enabled(p->io, SD_EVENT_OFF);
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
