/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <linux/kcmp.h>
#include <linux/sched.h>
#include <linux/userfaultfd.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#include "tests/sandbox/attack.h"

static char here[8], there[8]; /* at the same address in each process: all are copies of one */
static struct iovec local = {.iov_base = here, .iov_len = sizeof(here)};
static struct iovec remote = {.iov_base = there, .iov_len = sizeof(there)};
static struct rlimit limit;
static struct __user_cap_header_struct head = {.version = _LINUX_CAPABILITY_VERSION_3};
static struct __user_cap_data_struct all_caps[2] = {
	{.effective = 1u << CAP_NET_ADMIN, .permitted = 1u << CAP_NET_ADMIN}};
static cpu_set_t one_cpu = {.__bits = {1}};
static struct clone_args forking = {.exit_signal = SIGCHLD};
static char page[4096] __attribute__((aligned(4096)));

static int take_from(pid_t pid)
{
	int process = (int)syscall(SYS_pidfd_open, pid, 0);
	return process >= 0 && syscall(SYS_pidfd_getfd, process, 0, 0) >= 0 ? 0 : -errno;
}

static int take_from_sibling(const struct world *w, struct stage *s)
{
	(void)s;
	return take_from(w->sibling);
}

static int take_from_parent(const struct world *w, struct stage *s)
{
	(void)s;
	return take_from(w->parent);
}

static int pidfd_signal(const struct world *w, struct stage *s)
{
	(void)s;
	int process = (int)syscall(SYS_pidfd_open, w->sibling, 0);
	return process >= 0 && syscall(SYS_pidfd_send_signal, process, SIGUSR1, NULL, 0) >= 0
		       ? 0
		       : -errno;
}

/* The signal comes when data does. */
static int owner(const struct world *w, struct stage *s)
{
	(void)s;
	return fcntl(FD_UDP, F_SETOWN, w->parent) < 0 ? -errno : 0;
}

/* The kernel knows it where Yama is. */
static int tracer(const struct world *w, struct stage *s)
{
	(void)s;
	if (prctl(PR_SET_PTRACER, w->sibling, 0, 0, 0) == 0)
		return 0;
	return errno == EINVAL ? -ENOSYS : -errno;
}

static void signals(struct attacks *all, const struct world *w)
{
	CALL(all, 6, "kill, the parent", SYS_kill, w->parent, SIGUSR1);
	CALL(all, 6, "kill, another pump", SYS_kill, w->sibling, SIGUSR1);
	CALL(all, 6, "tgkill, another pump", SYS_tgkill, w->sibling, w->sibling, SIGUSR1);
	CALL(all, 6, "tkill, another pump", SYS_tkill, w->sibling, SIGUSR1);
	struct attack *a = attack_add(all, "pidfd_send_signal, another pump", BY_FUNCTION);
	a->run = pidfd_signal;
	a->landlock = 6;
	attack_add(all, "fcntl, F_SETOWN to the parent", BY_FUNCTION)->run = owner;
	CALL(all, LANDLOCK_NOT, "fcntl, F_SETSIG", SYS_fcntl, FD_UDP, F_SETSIG, SIGUSR1);
	CALL(all, LANDLOCK_NOT, "fcntl, F_SETFL", SYS_fcntl, FD_UDP, F_SETFL, O_ASYNC);
}

static void others(struct attacks *all, const struct world *w)
{
	struct attack *a = attack_add(all, "pidfd_getfd, another pump", BY_FUNCTION);
	a->run = take_from_sibling;
	a->landlock = 1;
	a = attack_add(all, "pidfd_getfd, the parent", BY_FUNCTION);
	a->run = take_from_parent;
	a->landlock = 1;
	CALL(all, 1, "ptrace, another pump", SYS_ptrace, PTRACE_SEIZE, w->sibling, 0, 0);
	CALL(all, 1, "process_vm_readv, another pump", SYS_process_vm_readv, w->sibling,
	     (long)&local, 1, (long)&remote, 1, 0);
	CALL(all, 1, "process_vm_writev, the parent", SYS_process_vm_writev, w->parent,
	     (long)&local, 1, (long)&remote, 1, 0);
	CALL(all, 1, "kcmp", SYS_kcmp, w->parent, w->sibling, KCMP_VM, 0, 0);
	CALL(all, LANDLOCK_NOT, "prlimit, the parent", SYS_prlimit64, w->parent, RLIMIT_CORE,
	     (long)&limit, 0);
	CALL(all, LANDLOCK_NOT, "prlimit, reads the parent's", SYS_prlimit64, w->parent,
	     RLIMIT_CORE, 0, (long)&limit);
	CALL(all, LANDLOCK_NOT, "prlimit, its own", SYS_prlimit64, 0, RLIMIT_CORE, (long)&limit, 0);
	CALL(all, LANDLOCK_NOT, "setpriority, another pump", SYS_setpriority, PRIO_PROCESS,
	     w->sibling, 19);
	CALL(all, LANDLOCK_NOT, "sched_setaffinity, another pump", SYS_sched_setaffinity,
	     w->sibling, sizeof(cpu_set_t), (long)&one_cpu);
}

void attacks_on_processes(struct attacks *all, const struct world *w)
{
	signals(all, w);
	others(all, w);
	CALL(all, LANDLOCK_NOT, "fork", SYS_clone, SIGCHLD, 0, 0, 0, 0);
	CALL(all, LANDLOCK_NOT, "clone3", SYS_clone3, (long)&forking, sizeof(struct clone_args));
	CALL(all, LANDLOCK_NOT, "unshare, user namespace", SYS_unshare, CLONE_NEWUSER);
	CALL(all, LANDLOCK_NOT, "capset", SYS_capset, (long)&head, (long)all_caps)->kernel = true;
	CALL(all, LANDLOCK_NOT, "prctl, PR_SET_DUMPABLE", SYS_prctl, PR_SET_DUMPABLE, 0, 0, 0, 0);
	attack_add(all, "prctl, PR_SET_PTRACER", BY_FUNCTION)->run = tracer;
	CALL(all, LANDLOCK_NOT, "add_key", SYS_add_key, (long)"user", (long)"x", (long)"x", 1, -2);
	CALL(all, LANDLOCK_NOT, "keyctl", SYS_keyctl, 0, -2, 1, 0, 0);
	CALL(all, LANDLOCK_NOT, "bpf", SYS_bpf, 0, (long)page, 64)->kernel = true;
	CALL(all, LANDLOCK_NOT, "userfaultfd", SYS_userfaultfd, UFFD_USER_MODE_ONLY);
	CALL(all, LANDLOCK_NOT, "memfd_create", SYS_memfd_create, (long)"x", 0);
	CALL(all, LANDLOCK_NOT, "mprotect, executable", SYS_mprotect, (long)page, sizeof(page),
	     PROT_READ | PROT_WRITE | PROT_EXEC);
	CALL(all, LANDLOCK_NOT, "mmap, executable", SYS_mmap, 0, 4096, PROT_READ | PROT_EXEC,
	     MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	CALL(all, LANDLOCK_NOT, "dup3, over any descriptor", SYS_dup3, FD_UDP, 0, 0);
	CALL(all, LANDLOCK_NOT, "seccomp, another filter", SYS_prctl, PR_SET_SECCOMP, 2, 0)
		->kernel = true;
}
