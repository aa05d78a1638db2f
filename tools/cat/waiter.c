/* SPDX-License-Identifier: MIT */
/*
 * The handler leaves a byte in a pipe, so that a signal that comes just before poll() is not
 * missed.
 */
#include "tools/cat/waiter.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stddef.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"

static volatile sig_atomic_t stopped; /* by which signal; 0: by none */
static int stop_pipe[2];

static void on_signal(int signal)
{
	int saved = errno;
	ssize_t n = write(stop_pipe[1], "", 1);

	(void)n;
	stopped = signal;
	errno = saved;
}

int waiter_init(struct waiter *w, unsigned seconds)
{
	const struct sigaction stop = {.sa_handler = on_signal, .sa_flags = (int)SA_RESETHAND};
	const struct sigaction ignore = {.sa_handler = SIG_IGN};

	if (pipe2(stop_pipe, O_CLOEXEC | O_NONBLOCK) < 0)
		return -errno;
	if (sigaction(SIGINT, &stop, NULL) < 0 || sigaction(SIGTERM, &stop, NULL) < 0 ||
	    sigaction(SIGPIPE, &ignore, NULL) < 0)
		return -errno;
	w->deadline_ns = seconds ? clock_ns() + (uint64_t)seconds * NS_A_SECOND : UINT64_MAX;
	return 0;
}

int waiter_signal(void)
{
	return stopped;
}

int waiter_check(const struct waiter *w)
{
	if (stopped)
		return -ECANCELED;
	return w->deadline_ns != UINT64_MAX && clock_ns() >= w->deadline_ns ? -ETIME : 0;
}

/*
 * The smaller of ms and the milliseconds until the deadline, rounded up so that nobody wakes too
 * early.
 */
static int time_left_ms(const struct waiter *w, int ms)
{
	uint64_t now, left;

	if (w->deadline_ns == UINT64_MAX)
		return ms;
	now = clock_ns();
	left = now < w->deadline_ns ? (w->deadline_ns - now + NS_A_MS - 1) / NS_A_MS : 0;
	return ms >= 0 && (uint64_t)ms < left ? ms : (int)left;
}

/* Waits for events on fd, or for POLLIN on the other descriptor; -1: there is no other. */
static int poll_any(const struct waiter *w, int fd, short events, int other, int ms)
{
	struct pollfd fds[3] = {
		{.fd = fd, .events = events},
		{.fd = other, .events = POLLIN},
		{.fd = stop_pipe[0], .events = POLLIN},
	};
	int n, r;

	for (;;) {
		n = poll(fds, 3, time_left_ms(w, ms));
		r = n < 0 ? -errno : 0;
		if (r < 0 && r != -EINTR)
			return r;
		r = waiter_check(w);
		if (r < 0)
			return r;
		if (n >= 0)
			return fds[0].revents || fds[1].revents;
	}
}

int waiter_poll(const struct waiter *w, int fd, short events, int ms)
{
	return poll_any(w, fd, events, -1, ms);
}

int waiter_poll_both(const struct waiter *w, int a, int b)
{
	return poll_any(w, a, POLLIN, b, -1);
}
