/* SPDX-License-Identifier: MIT */
#include "daemon/common/loop.h"

#include <errno.h>
#include <sys/epoll.h>
#include <time.h>

#include "base/clock.h"
#include "base/fd.h"

#define EVENTS_A_TURN 64

int loop_init(struct loop *l)
{
	l->epoll = epoll_create1(EPOLL_CLOEXEC);
	return l->epoll < 0 ? -errno : 0;
}

void loop_done(struct loop *l)
{
	l->epoll = fd_close(l->epoll);
}

int loop_watch(struct loop *l, int fd, uint32_t events, struct source *source)
{
	struct epoll_event e = {.events = events, .data.ptr = source};
	return epoll_ctl(l->epoll, EPOLL_CTL_ADD, fd, &e) < 0 ? -errno : 0;
}

void loop_rewatch(struct loop *l, int fd, uint32_t events, struct source *source)
{
	struct epoll_event e = {.events = events, .data.ptr = source};
	epoll_ctl(l->epoll, EPOLL_CTL_MOD, fd, &e);
}

void loop_unwatch(struct loop *l, int fd)
{
	epoll_ctl(l->epoll, EPOLL_CTL_DEL, fd, NULL);
}

/* Without a wait by epoll_wait(), of which sanitizers know what it orders; not of the newer call.
 */
static int events_take(const struct loop *l, struct epoll_event *events, uint64_t wait_ns)
{
	struct timespec wait = {.tv_sec = (time_t)(wait_ns / NS_A_SECOND),
				.tv_nsec = (long)(wait_ns % NS_A_SECOND)};
	if (wait_ns == 0)
		return epoll_wait(l->epoll, events, EVENTS_A_TURN, 0);
	return epoll_pwait2(l->epoll, events, EVENTS_A_TURN, wait_ns == LOOP_FOREVER ? NULL : &wait,
			    NULL);
}

bool loop_turn(struct loop *l, uint64_t wait_ns)
{
	struct epoll_event events[EVENTS_A_TURN];
	int n = events_take(l, events, wait_ns);
	for (int i = 0; i < n; i++) {
		struct source *s = events[i].data.ptr;
		s->ready(s->owner, events[i].events);
	}
	return n == EVENTS_A_TURN;
}
