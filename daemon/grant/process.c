/* SPDX-License-Identifier: MIT */
#include "daemon/grant/process.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/pidfd.h>
#include <unistd.h>

#include "base/fd.h"

/* Fields of /proc/PID/stat; the name, the second, ends with the last bracket. */
enum {
	NAME = 2,
	UTIME = 14,
	STIME = 15,
	STARTTIME = 22
};

static const char *read_file(char *ret, size_t room, pid_t pid, const char *name)
{
	char path[64];
	snprintf(path, sizeof(path), "/proc/%d/%s", (int)pid, name);
	_cleanup_(fd_closep) int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t n = fd < 0 ? -1 : read(fd, ret, room - 1);
	if (n < 0)
		return NULL;
	ret[n] = '\0';
	return ret;
}

/* The number that begins n spaces after `at`; 0 for NULL, or where there are not so many. */
static uint64_t number(const char *at, int n)
{
	for (; at && n > 0; n--)
		at = (at = strchr(at, ' ')) ? at + 1 : NULL;
	return at ? strtoull(at, NULL, 10) : 0;
}

int ptrace_scope(void)
{
	char text[16] = "";
	_cleanup_(fd_closep) int fd =
		open("/proc/sys/kernel/yama/ptrace_scope", O_RDONLY | O_CLOEXEC);
	if (fd < 0 || read(fd, text, sizeof(text) - 1) <= 0)
		return -1;
	return (int)strtol(text, NULL, 10);
}

struct process process_read(pid_t pid)
{
	char text[1024];
	struct process p = {0};
	const char *name = read_file(text, sizeof(text), pid, "stat");
	const char *at = name ? strrchr(name, ')') : NULL;
	if (!at)
		return p;
	p.started = number(at, STARTTIME - NAME);
	p.cpu_ms = (number(at, UTIME - NAME) + number(at, STIME - NAME)) * 1000 /
		   (uint64_t)sysconf(_SC_CLK_TCK);
	const char *pages = read_file(text, sizeof(text), pid, "statm"); /* all, in RAM, shared */
	uint64_t resident = number(pages, 1), shared = number(pages, 2);
	p.memory_bytes =
		resident > shared ? (resident - shared) * (uint64_t)sysconf(_SC_PAGESIZE) : 0;
	return p;
}

int process_started(pid_t pid, uint64_t *ret)
{
	char text[1024];
	const char *stat = read_file(text, sizeof(text), pid, "stat");
	if (!stat)
		return -errno;
	*ret = number(strrchr(stat, ')'), STARTTIME - NAME);
	return 0;
}

/* A process that was waited for since its pidfd was opened has no file in /proc any more. */
int process_open(pid_t pid, uint64_t started)
{
	uint64_t is = 0;
	int pidfd = pidfd_open(pid, 0);
	if (pidfd < 0)
		return errno == EINVAL || errno == ENOENT ? -ESRCH : -errno;
	int r = started ? process_started(pid, &is) : 0;
	if (r == 0 && is == started)
		return pidfd;
	if (r == 0 || (pidfd_send_signal(pidfd, 0, NULL, 0) < 0 && errno == ESRCH))
		r = -ESRCH;
	fd_close(pidfd);
	return r;
}

/* The pidfd of a process that has ended can be read, also before its parent has waited for it. */
bool process_lives(pid_t pid, uint64_t started)
{
	_cleanup_(fd_closep) int pidfd = process_open(pid, started);
	struct pollfd exit = {.fd = pidfd, .events = POLLIN};
	return pidfd < 0 ? pidfd != -ESRCH : poll(&exit, 1, 0) == 0;
}
