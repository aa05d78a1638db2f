/* SPDX-License-Identifier: MIT */
/* What the kernel and the installation have for zcrx-pump and zcrx-hand. */
#include "nic/procfs.h"
#include "tools/doctor/gather.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/io_uring.h>
#include <linux/landlock.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#ifndef SO_PASSRIGHTS /* older C libraries */
#define SO_PASSRIGHTS 83
#endif

static int landlock_version(void)
{
	int version =
		(int)syscall(SYS_landlock_create_ruleset, NULL, 0, LANDLOCK_CREATE_RULESET_VERSION);
	return version < 0 ? -errno : version;
}

static int rights_try(void)
{
	int off = 0, sock = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
	if (sock < 0)
		return -errno;
	int r = setsockopt(sock, SOL_SOCKET, SO_PASSRIGHTS, &off, sizeof(off)) < 0 ? -errno : 0;
	close(sock);
	return r;
}

/* Of itself, which every rule of ptrace allows. */
static int getfd_try(void)
{
	int pidfd = pidfd_open(getpid(), 0);
	int fd = pidfd < 0 ? -1 : pidfd_getfd(pidfd, pidfd, 0), r = fd < 0 ? -errno : 0;
	if (fd >= 0)
		close(fd);
	if (pidfd >= 0)
		close(pidfd);
	return r;
}

static int task_restrict(void)
{
	struct io_uring_restriction one = {.opcode = IORING_RESTRICTION_SQE_OP,
					   .sqe_op = IORING_OP_NOP};
	_Alignas(struct io_uring_task_restriction) char
		room[sizeof(struct io_uring_task_restriction) + sizeof(one)] = {0};
	struct io_uring_task_restriction *task = (void *)room;
	task->nr_res = 1;
	memcpy(room + sizeof(*task), &one, sizeof(one));
	return syscall(SYS_io_uring_register, -1, IORING_REGISTER_RESTRICTIONS, task, 1) < 0 ? errno
											     : 0;
}

/* In a process of its own, which is restricted from then on. */
static int task_try(void)
{
	int status = 0;
	pid_t pid = fork();
	if (pid == 0)
		_exit(task_restrict());
	if (pid < 0 || waitpid(pid, &status, 0) < 0)
		return -errno;
	return WIFEXITED(status) ? -WEXITSTATUS(status) : -ENOSYS;
}

/* The path of a folder or file, from the folder that this program is in; false: it is not there. */
static bool place(char ret[PATH_MAX], const char *from_here, const char *name)
{
	char path[2 * PATH_MAX] = "";
	ssize_t n = readlink("/proc/self/exe", path, PATH_MAX - 1);
	char *slash = n > 0 ? strrchr(path, '/') : NULL;
	if (!slash)
		return false;
	snprintf(slash + 1, sizeof(path) - (size_t)(slash + 1 - path), "%s/%s", from_here, name);
	return realpath(path, ret);
}

static void program_gather(struct program_facts *p, const char *dir, const char *name)
{
	struct stat st;
	int n = snprintf(p->path, sizeof(p->path), "%s/%s", dir, name);
	if (n < 0 || (size_t)n >= sizeof(p->path) || stat(p->path, &st) < 0)
		p->err = n < 0 || (size_t)n >= sizeof(p->path) ? -ENAMETOOLONG : -errno;
	else
		p->mode = st.st_mode & 07777;
}

/* As daemon/broker/programs.c: beside zcrxd, as in a build, or in libexec. */
static void programs_gather(struct pump_facts *pumps)
{
	char zcrxd[PATH_MAX], dir[PATH_MAX];
	if (!place(zcrxd, DOCTOR_TO_SBINDIR, "zcrxd") && !place(zcrxd, "../daemon", "zcrxd"))
		return;
	*strrchr(zcrxd, '/') = '\0';
	program_gather(&pumps->pump, zcrxd, "zcrx-pump");
	program_gather(&pumps->hand, zcrxd, "zcrx-hand");
	if (pumps->pump.err != -ENOENT || !place(dir, DOCTOR_TO_LIBEXECDIR, ""))
		return;
	pumps->pump = pumps->hand = (struct program_facts){0};
	program_gather(&pumps->pump, dir, "zcrx-pump");
	program_gather(&pumps->hand, dir, "zcrx-hand");
}

void pumps_gather(struct pump_facts *pumps)
{
	int64_t scope;
	uint64_t mode;
	pumps->landlock = landlock_version();
	pumps->task_err = task_try();
	pumps->rights_err = rights_try();
	pumps->getfd_err = getfd_try();
	int n = procfs_numbers("/proc/sys/kernel/yama/ptrace_scope", &scope, 1);
	pumps->ptrace_scope = n == 1 ? (int)scope : -1;
	pumps->seccomp =
		!procfs_field(AT_FDCWD, "/proc/self/status", "Seccomp:", 10, &mode) && mode;
	programs_gather(pumps);
}
