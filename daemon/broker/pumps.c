/* SPDX-License-Identifier: MIT */
#include "daemon/broker/pumps.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/pidfd.h>
#include <unistd.h>

#include "base/fd.h"
#include "daemon/broker/programs.h"
#include "daemon/broker/pump_end.h"

static void work_over(struct pump *p)
{
	bool any = pump_work_over(p);
	if (p->ending && work_is_over(&p->end)) {
		work_join(&p->end);
		p->ending = false;
		return pump_wind_up(p);
	}
	if (!any)
		return;
	if (p->dead)
		return pump_wind_up(p);
	pump_read(p);
	pump_work_on(p);
}

static int woken(sd_event_source *source, int fd, uint32_t events, void *data)
{
	struct pumps *all = data;
	struct pump *p, *next;
	eventfd_t count;
	(void)source;
	(void)events;
	eventfd_read(fd, &count);
	for (p = TAILQ_FIRST(&all->list); p; p = next) {
		next = TAILQ_NEXT(p, link);
		work_over(p);
	}
	return 0;
}

int pumps_init(struct pumps *all, sd_event *event, bool verbose, const char *clients)
{
	*all = (struct pumps){.event = event,
			      .verbose = verbose,
			      .path = program_path(PROGRAM_PUMP)};
	_cleanup_(freep) char *hand = program_path(PROGRAM_HAND);
	TAILQ_INIT(&all->list);
	if (!all->path || !hand)
		return -ENOENT;
	int r = strays_init(&all->strays, event);
	if (r < 0)
		return r;
	r = errands_init(&all->errands, event, hand);
	if (r < 0)
		return r;
	if (asprintf(&all->records, "%s.pumps", clients) < 0)
		all->records = NULL;
	all->wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (all->wake < 0 || !all->records)
		return all->wake < 0 ? -errno : -ENOMEM;
	r = sd_event_add_io(event, &all->wake_io, all->wake, EPOLLIN, woken, all);
	return r < 0 ? r : 0;
}

void pumps_done(struct pumps *all)
{
	sd_event_source_disable_unref(all->wake_io);
	fd_close(all->wake);
	errands_done(&all->errands);
	strays_done(&all->strays);
	free(all->path);
	if (all->records)
		rmdir(all->records);
	free(all->records);
}

void pumps_hold(struct pumps *all, bool held)
{
	struct pump *p;
	all->held = held;
	TAILQ_FOREACH (p, &all->list, link) {
		p->held = held;
		pump_read(p);
		pump_work_on(p);
	}
}

void pumps_kill(struct pumps *all)
{
	const struct pump *p;
	TAILQ_FOREACH (p, &all->list, link)
		pidfd_send_signal(p->pidfd, SIGKILL, NULL, 0);
}
