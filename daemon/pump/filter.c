/* SPDX-License-Identifier: MIT */
#include "daemon/pump/filter.h"

#include <assert.h>
#include <errno.h>
#include <filter_programs.h> /* written by filter_make.c */
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/size.h"
#include "daemon/grant/log_client.h"
#include "daemon/link/link.h"
#include "daemon/link/start.h"

#define LENGTH_MAX 256

/*
 * Tells the broker which call it was. The process ends by the same signal: SA_RESETHAND. A thread
 * that blocks the signal is ended by the kernel without this.
 */
static void violated(int signal, siginfo_t *info, void *context)
{
	struct link_log m = {.hdr = {.size = sizeof(m), .type = LINK_LOG},
			     .cause = LOG_PUMP,
			     .priority = 3};
	(void)context;
	snprintf(m.line, sizeof(m.line), "the sandbox ended the pump: it made system call %d",
		 info->si_syscall);
	send(START_LINK, &m, sizeof(m), MSG_DONTWAIT | MSG_NOSIGNAL);
	raise(signal);
}

static_assert(ARRAY_LENGTH(rings_here) <= LENGTH_MAX && ARRAY_LENGTH(rings_made) <= LENGTH_MAX &&
		      ARRAY_LENGTH(ring_maker) <= LENGTH_MAX,
	      "each has room");

/* Returns what the kernel does, or a negative errno. */
static int load(const struct sock_filter *program, size_t n, unsigned flags)
{
	struct sock_filter own[LENGTH_MAX];
	const struct sock_fprog p = {.len = (unsigned short)n, .filter = own};
	memcpy(own, program, n * sizeof(own[0]));
	for (size_t i = 0; i < n; i++)
		if (own[i].k == FILTER_OWN_PID)
			own[i].k = (uint32_t)getpid();
	long r = syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, flags, &p);
	return r < 0 ? (errno == ENOSYS ? -EOPNOTSUPP : -errno) : (int)r;
}

int filter_enter(enum filter_rings rings, int *ret_calls)
{
	struct sigaction action = {.sa_sigaction = violated,
				   .sa_flags = (int)(SA_SIGINFO | SA_RESETHAND | SA_NODEFER)};
	*ret_calls = -1;
	if (sigaction(SIGSYS, &action, NULL) < 0)
		return -errno;
	if (rings == FILTER_RINGS_HERE)
		return load(rings_here, ARRAY_LENGTH(rings_here), 0);
	int r = load(rings_made, ARRAY_LENGTH(rings_made), SECCOMP_FILTER_FLAG_NEW_LISTENER);
	if (r < 0)
		return r;
	*ret_calls = r;
	return 0;
}

int filter_enter_maker(void)
{
	return load(ring_maker, ARRAY_LENGTH(ring_maker), 0);
}
