/* SPDX-License-Identifier: MIT */
/*
 * What a pump has where the kernel, or whoever started it, leaves it less. Each is tried in a
 * process of its own.
 */
#include <err.h>
#include <errno.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/size.h"
#include "daemon/common/uring.h"
#include "daemon/pump/sandbox.h"
#include "tests/sandbox/attack.h"

#define ENTRIES 128
#define LIMIT_S 120 /* a machine may be busy */

/* Has one system call fail with this error. Returns what seccomp() does. */
static long filter(int call, int error, unsigned flags)
{
	struct sock_filter program[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (unsigned)call, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | (unsigned)error),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	const struct sock_fprog p = {.len = ARRAY_LENGTH(program), .filter = program};
	prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
	return syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, flags, &p);
}

static int ring_make(void)
{
	struct uring u;
	int r = uring_init_private(&u, ENTRIES, true, false);
	if (r == 0)
		r = sandbox_ring(&u.io, RESTRICT_QUEUE);
	return r == 0 ? uring_enable(&u) : r;
}

/* Without a list for rings a pump does not begin: it would have none of what it needs them for. */
static bool no_register(void)
{
	struct sandbox s;
	return filter(SYS_io_uring_register, ENOSYS, 0) == 0 && sandbox_enter(&s) == -ENOSYS;
}

/* Somebody reads of this process's calls already, as a container's runtime may. */
static bool listener_taken(void)
{
	struct sandbox s;
	if (filter(-1, 0, SECCOMP_FILTER_FLAG_NEW_LISTENER) < 0 || sandbox_enter(&s) < 0)
		return false;
	char text[64];
	sandbox_text(&s, text, sizeof(text));
	printf("with another listener: %s\n", text);
	fflush(stdout);
	return !s.made && s.seccomp && sandbox_is_whole(&s) == (s.task && s.landlock) &&
	       ring_make() == 0;
}

static bool is_tried(const char *what, bool (*try)(void))
{
	int status;
	fflush(stdout);
	pid_t pid = fork();
	if (pid == 0) {
		alarm(LIMIT_S);
		_exit(!try());
	}
	if (pid < 0 || waitpid(pid, &status, 0) < 0)
		err(2, "a process");
	if (status)
		printf("%s: status %x\n", what, (unsigned)status);
	return status == 0;
}

static pid_t child_of(pid_t pid)
{
	char path[64];
	int child = 0;
	snprintf(path, sizeof(path), "/proc/%d/task/%d/children", (int)pid, (int)pid);
	FILE *f = fopen(path, "re");
	if (f && fscanf(f, "%d", &child) != 1)
		child = 0;
	if (f)
		fclose(f);
	return child;
}

/* Whoever's ring-maker has gone gets no ring, is told so at once, and goes on. */
static bool maker_killed(void)
{
	int ready[2], go[2], status = -1;
	char made = 0;
	if (pipe(ready) < 0 || pipe(go) < 0)
		err(2, "pipe");
	fflush(stdout);
	pid_t pid = fork();
	if (pid == 0) {
		struct sandbox s;
		alarm(LIMIT_S);
		bool good = sandbox_enter(&s) == 0 && ring_make() == 0;
		made = s.made;
		(void)!write(ready[1], &made, 1);
		(void)!read(go[0], &made, 1);
		_exit(!good || (s.made ? ring_make() >= 0 || ring_make() >= 0 : ring_make() < 0));
	}
	(void)!read(ready[0], &made, 1);
	pid_t maker = made ? child_of(pid) : 0;
	bool killed = !made || (maker > 0 && kill(maker, SIGKILL) == 0);
	while (killed && made && child_of(pid) > 0) /* it is reaped without being waited for */
		usleep(1000);
	(void)!write(go[1], "x", 1);
	waitpid(pid, &status, 0);
	if (!killed || status)
		printf("without its ring-maker (%d): status %x\n", (int)maker, (unsigned)status);
	return killed && status == 0;
}

bool fallbacks_hold(void)
{
	bool good = is_tried("without io_uring_register()", no_register);
	good &= is_tried("with another listener", listener_taken);
	return good & maker_killed();
}
