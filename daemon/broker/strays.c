/* SPDX-License-Identifier: MIT */
#include "daemon/broker/strays.h"

#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <time.h>

#define LOOK_US     10000u
#define ACCURACY_US 1000u

static int look_later(struct strays *all)
{
	int r = sd_event_source_set_time_relative(all->look, LOOK_US);
	return r < 0 ? r : sd_event_source_set_enabled(all->look, SD_EVENT_ONESHOT);
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
		LIST_REMOVE(s, link);
		free(s);
	}
	return LIST_EMPTY(&all->list) ? 0 : look_later(all);
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
	while ((s = LIST_FIRST(&all->list))) {
		LIST_REMOVE(s, link);
		free(s);
	}
	all->look = sd_event_source_disable_unref(all->look);
}

void strays_add(struct strays *all, struct stray *s, pid_t pid)
{
	s->pid = pid;
	kill(pid, SIGKILL); /* nobody has waited for it, so the number is still its own */
	LIST_INSERT_HEAD(&all->list, s, link);
	look_later(all);
}
