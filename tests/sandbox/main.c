/* SPDX-License-Identifier: MIT */
/*
 * Tries each attack without a layer, in each layer alone, and in the whole sandbox. Prints what
 * denied it, and fails if that is not what docs/security.md says, or if something gets through the
 * whole that is not said there.
 */
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <unistd.h>

#include "daemon/common/present.h"
#include "daemon/common/uring.h"
#include "daemon/link/link.h"
#include "daemon/link/start.h"
#include "daemon/pump/filter.h"
#include "daemon/pump/landlock.h"
#include "daemon/pump/sandbox.h"
#include "tests/sandbox/attack.h"

#define ENTRIES    128
#define LIMIT_S    120 /* a machine may be busy */
#define THROUGH    0
#define BY_SECCOMP 1000 /* what a process ends as that seccomp ends */

enum layers {
	NONE,
	LANDLOCK,
	RINGS,
	SECCOMP,
	WHOLE,
	LAYERS
};

static int landlock_abi;
static bool task_restrictions;

static void must(int r, const char *what)
{
	if (r < 0) {
		dprintf(STDOUT_FILENO, "%s: %s\n", what, strerrordesc_np(-r));
		_exit(255);
	}
}

static void ring_make(struct io_uring *ring)
{
	struct uring u;
	must(uring_init_private(&u, ENTRIES, true, false), "a ring");
	*ring = u.io;
}

static void ring_restrict(struct io_uring *ring, enum restrict_ring what)
{
	int r = restrict_ring(ring, what);
	must(r == -EBUSY && task_restrictions ? 0 : r, "restrictions of a ring");
}

static void layers_enter(enum layers layers, struct stage *s)
{
	struct sandbox sandbox;
	int calls;
	ring_make(&s->queue);
	ring_make(&s->ops);
	if (layers != NONE)
		must(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), "no_new_privs");
	if (layers == LANDLOCK)
		must(landlock_enter(), "landlock");
	if (layers == RINGS && task_restrictions)
		must(restrict_task(), "restrictions of the task");
	if (layers == SECCOMP) {
		must(filter_enter(task_restrictions ? FILTER_RINGS_HERE : FILTER_RINGS_MADE,
				  &calls),
		     "seccomp");
		close(calls); /* nobody makes rings */
	}
	if (layers == WHOLE)
		must(sandbox_enter(&sandbox), "the sandbox");
	if (layers == RINGS) {
		ring_restrict(&s->queue, RESTRICT_QUEUE);
		ring_restrict(&s->ops, RESTRICT_OPS);
	}
	must(sandbox_ring(&s->queue, RESTRICT_QUEUE), "restrictions of a queue's ring");
	must(sandbox_ring(&s->ops, RESTRICT_OPS), "restrictions of the ring for operations");
	must(io_uring_enable_rings(&s->queue), "enabling a ring");
	must(io_uring_enable_rings(&s->ops), "enabling a ring");
}

/* In a process of its own. Returns THROUGH, the errno, or BY_SECCOMP. */
static int attempt(const struct attack *a, const struct world *w, enum layers layers)
{
	int status;
	fflush(stdout);
	pid_t pid = fork();
	if (pid == 0) {
		struct stage s;
		close(STDERR_FILENO); /* the sandbox says there which call ended it */
		open("/dev/null", O_WRONLY);
		descriptors_make();
		alarm(LIMIT_S);
		layers_enter(layers, &s);
		int r = attack_run(a, w, &s);
		_exit(r < 0 ? -r : THROUGH);
	}
	if (pid < 0 || waitpid(pid, &status, 0) < 0)
		err(2, "an attacker");
	if (WIFSIGNALED(status) && WTERMSIG(status) == SIGSYS)
		return BY_SECCOMP;
	if (!WIFEXITED(status) || WEXITSTATUS(status) == 255)
		errx(2, "%s: the attacker ended with status %x in layer %d", a->name,
		     (unsigned)status, (int)layers);
	return WEXITSTATUS(status);
}

/* Whether a layer is to deny the attack, which nothing else denies. */
static bool expected(const struct attack *a, enum layers layer)
{
	switch (layer) {
	case LANDLOCK:
		return landlock_abi >= a->landlock;
	case RINGS:
		return a->new_ring ? task_restrictions : a->by == BY_SQE || a->by == BY_REGISTER;
	case SECCOMP:
		return a->new_ring ? !task_restrictions || a->by == BY_REGISTER
				   : a->by != BY_SQE && !a->unseen;
	case WHOLE:
		return expected(a, LANDLOCK) || expected(a, RINGS) || expected(a, SECCOMP);
	case NONE:
	case LAYERS:
	default:
		return false;
	}
}

static bool is_unsupported(int error)
{
	return error == ENOSYS || error == EPROTONOSUPPORT || error == ENOPROTOOPT ||
	       error == EAFNOSUPPORT;
}

static const char *said(char *room, size_t bytes, int result)
{
	if (result == THROUGH)
		return "-";
	if (result == BY_SECCOMP)
		return "killed";
	snprintf(room, bytes, "%s", strerrorname_np(result) ? strerrorname_np(result) : "?");
	return room;
}

/* A mend of Landlock's may be older than the ABI version that is known to have it. */
static bool is_expected(const struct attack *a, enum layers layer, int result)
{
	bool denied = result != THROUGH;
	if (a->kernel)
		return denied;
	return denied == expected(a, layer) || (layer == LANDLOCK && denied && a->mended);
}

/* Returns whether all is as it should be. */
static bool attack(const struct attack *a, const struct world *w)
{
	int results[LAYERS];
	char room[LAYERS][24];
	bool good = true;
	for (int l = NONE; l < LAYERS; l++)
		results[l] = attempt(a, w, (enum layers)l);
	if (!a->kernel && is_unsupported(results[NONE])) {
		printf("%-40s this kernel has no such thing\n", a->name);
		return true;
	}
	good &= (results[NONE] != THROUGH) == a->kernel;
	for (int l = LANDLOCK; l < LAYERS; l++)
		good &= is_expected(a, (enum layers)l, results[l]);
	bool remains = results[WHOLE] == THROUGH;
	printf("%-40s %-14s %-10s %-10s %-10s %s%s%s\n", a->name,
	       said(room[0], sizeof(room[0]), results[NONE]),
	       said(room[1], sizeof(room[1]), results[LANDLOCK]),
	       said(room[2], sizeof(room[2]), results[RINGS]),
	       said(room[3], sizeof(room[3]), results[SECCOMP]),
	       said(room[4], sizeof(room[4]), results[WHOLE]), remains ? "  remains" : "",
	       good ? "" : "  <- NOT AS DOCUMENTED");
	return good;
}

/* The broker takes a pump's ring by its number, however the pump is confined. */
static bool ring_can_be_taken(pid_t pid, int ring)
{
	int process = (int)syscall(SYS_pidfd_open, pid, 0);
	int taken = process < 0 ? -1 : (int)syscall(SYS_pidfd_getfd, process, ring, 0);
	bool good = taken >= 0 && io_uring_register((unsigned)taken, IORING_REGISTER_PERSONALITY,
						    NULL, 0) == -EEXIST;
	if (!good)
		printf("a ring of a pump in the sandbox cannot be taken: %s\n",
		       strerrorname_np(errno));
	close(taken);
	close(process);
	return good;
}

static bool pump_can_work(const struct world *w)
{
	int status = -1, said_ring[2], go[2], ring;
	char c;
	if (pipe(said_ring) < 0 || pipe(go) < 0)
		err(2, "pipe");
	fflush(stdout);
	pid_t pid = fork();
	if (pid == 0) {
		struct stage s;
		descriptors_make();
		if (!allowed_prepare())
			err(2, "a connection");
		alarm(LIMIT_S);
		must(present_init(), "a userfaultfd");
		layers_enter(WHOLE, &s);
		(void)!write(said_ring[1], &s.queue.ring_fd, sizeof(int));
		(void)!read(go[0], &c, 1);
		int failures = allowed_try(w, &s);
		fflush(stdout);
		_exit(failures ? 1 : 0);
	}
	bool good = read(said_ring[0], &ring, sizeof(ring)) == sizeof(ring) &&
		    ring_can_be_taken(pid, ring);
	(void)!write(go[1], "x", 1);
	waitpid(pid, &status, 0);
	if (status)
		printf("a pump cannot do its work in the sandbox: status %x\n", (unsigned)status);
	return good && status == 0;
}

/* Whoever looks for the reason of a pump's end finds it in the log, which the broker writes. */
static bool violation_is_said(void)
{
	int ends[2], status;
	struct link_log said = {.cause = 0};
	char want[32];
	if (socketpair(AF_UNIX, SOCK_SEQPACKET, 0, ends) < 0)
		err(2, "socketpair");
	fflush(stdout);
	pid_t pid = fork();
	if (pid == 0) {
		struct stage s;
		dup2(ends[1], START_LINK);
		layers_enter(WHOLE, &s);
		syscall(SYS_getppid);
		_exit(0);
	}
	close(ends[1]);
	bool came = recv(ends[0], &said, sizeof(said), 0) == sizeof(said);
	waitpid(pid, &status, 0);
	snprintf(want, sizeof(want), "system call %d", SYS_getppid);
	bool good = came && WIFSIGNALED(status) && WTERMSIG(status) == SIGSYS &&
		    said.hdr.type == LINK_LOG && strstr(said.line, want);
	if (!good)
		printf("a violation ended with status %x and the words: %s\n", (unsigned)status,
		       said.line);
	return good;
}

static void kernel_look(void)
{
	int ends[2];
	struct sandbox s;
	if (pipe(ends) < 0)
		err(2, "pipe");
	if (fork() == 0) {
		must(sandbox_enter(&s), "the sandbox");
		_exit(write(ends[1], &s, sizeof(s)) < 0);
	}
	close(ends[1]);
	if (read(ends[0], &s, sizeof(s)) != sizeof(s))
		errx(2, "no sandbox here");
	wait(NULL);
	landlock_abi = s.landlock;
	task_restrictions = s.task;
	struct utsname kernel;
	char text[128];
	uname(&kernel);
	sandbox_text(&s, text, sizeof(text));
	printf("Linux %s: %s; rings made later are %s\n", kernel.release, text,
	       s.task   ? "restricted by their task"
	       : s.made ? "made by another process"
			: "not restricted");
	printf("%-40s %-14s %-10s %-10s %-10s %s\n", "", "no layer", "landlock", "rings", "seccomp",
	       "all");
}

int main(void)
{
	static struct attacks all;
	struct world w;
	bool good = true;
	world_make(&w);
	kernel_look();
	attacks_all(&all, &w);
	for (unsigned i = 0; i < all.n; i++)
		good &= attack(&all.list[i], &w);
	good &= pump_can_work(&w);
	good &= violation_is_said();
	good &= fallbacks_hold();
	kill(w.sibling, SIGKILL);
	waitpid(w.sibling, NULL, 0);
	world_end(&w);
	printf("%u attacks: %s\n", all.n, good ? "as documented" : "NOT as documented");
	return good ? 0 : 1;
}
