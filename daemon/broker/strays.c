/* SPDX-License-Identifier: MIT */
#include "daemon/broker/strays.h"

#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>

#include "daemon/common/log.h"

#define LOOK_US     10000u
#define ACCURACY_US 1000u

static void look_later(struct strays *all)
{
	int r = sd_event_source_set_time_relative(all->look, LOOK_US);
	if (r >= 0)
		r = sd_event_source_set_enabled(all->look, SD_EVENT_ONESHOT);
	if (r < 0)
		log_warn("killed processes are not waited for before the next one is killed: %s",
			 strerrordesc_np(-r));
}

static void forget(struct stray *s)
{
	LIST_REMOVE(s, link);
	if (!s->gone)
		free(s);
}

static int look(sd_event_source *source, uint64_t usec, void *data)
{
	struct strays *all = data;
	struct stray *s, *next;
	(void)source;
	(void)usec;
	for (s = LIST_FIRST(&all->list); s; s = next) {
		next = LIST_NEXT(s, link);
		if (waitpid(s->pid, NULL, WNOHANG) == 0)
			continue;
		void (*gone)(struct stray * s) = s->gone;
		forget(s);
		if (gone)
			gone(s);
	}
	if (!LIST_EMPTY(&all->list))
		look_later(all);
	return 0;
}

int strays_init(struct strays *all, sd_event *event)
{
	*all = (struct strays){.look = NULL};
	int r = sd_event_add_time(event, &all->look, CLOCK_MONOTONIC, 0, ACCURACY_US, look, all);
	return r < 0 ? r : sd_event_source_set_enabled(all->look, SD_EVENT_OFF);
}

void strays_done(struct strays *all)
{
	struct stray *s;
	while ((s = LIST_FIRST(&all->list)))
		forget(s);
	all->look = sd_event_source_disable_unref(all->look);
}

void strays_lend(struct strays *all, struct stray *s, pid_t pid, void (*gone)(struct stray *s))
{
	s->pid = pid;
	s->gone = gone;
	kill(pid, SIGKILL); /* nobody has waited for it, so the number is still its own */
	LIST_INSERT_HEAD(&all->list, s, link);
	look_later(all);
}

void strays_add(struct strays *all, struct stray *s, pid_t pid)
{
	strays_lend(all, s, pid, NULL);
}
