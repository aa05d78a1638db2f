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

static void run_first(void *data)
{
	struct pump *p = data;
	struct job *j = STAILQ_FIRST(&p->jobs);
	j->run(p, j);
}

void pump_work_on(struct pump *p)
{
	if (p->working || p->dead || p->held || STAILQ_EMPTY(&p->jobs))
		return;
	p->working = true;
	work_start(&p->work, run_first, p, p->wake);
}

void pump_work(struct pump *p, struct job *j)
{
	STAILQ_INSERT_TAIL(&p->jobs, j, link);
	if (++p->n_jobs >= JOBS_MAX)
		sd_event_source_set_enabled(p->io, SD_EVENT_OFF);
	pump_work_on(p);
}
