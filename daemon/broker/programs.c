/* SPDX-License-Identifier: MIT */
#include "daemon/broker/programs.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/fd.h"
#include "daemon/common/log.h"

#ifdef ZCRXD_SANITIZED
#define SANITIZERS_REPORT true /* to standard error */
#else
#define SANITIZERS_REPORT false
#endif

/* place: from the folder that zcrxd is in, "" or with a slash at its end. For free(). */
static char *path_make(const char *zcrxd, const char *place, const char *name)
{
	int folder = (int)(strrchr(zcrxd, '/') - zcrxd);
	char *path;
	return asprintf(&path, "%.*s/%s%s", folder, zcrxd, place, name) < 0 ? NULL : path;
}

static int can_execute(const char *path)
{
	return access(path, X_OK) < 0 ? -errno : 0;
}

char *program_path(const char *name)
{
	_cleanup_(freep) char *zcrxd = realpath("/proc/self/exe", NULL);
	if (!zcrxd) {
		log_error("%s cannot be looked for: /proc/self/exe: %s", name,
			  strerrordesc_np(errno));
		return NULL;
	}
	_cleanup_(freep) char *beside = path_make(zcrxd, "", name);
	_cleanup_(freep) char *installed = path_make(zcrxd, ZCRXD_LIBEXEC_FROM_SBIN "/", name);
	if (!beside || !installed) {
		log_error("%s cannot be looked for: %s", name, strerrordesc_np(ENOMEM));
		return NULL;
	}
	int r = can_execute(beside), r_installed = r < 0 ? can_execute(installed) : 0;
	if (r < 0 && r_installed < 0) {
		log_error("zcrxd needs %s, and can execute neither %s (%s) nor %s (%s)", name,
			  beside, strerrordesc_np(-r), installed, strerrordesc_np(-r_installed));
		return NULL;
	}
	return strdup(r == 0 ? beside : installed);
}

static int spawn(const struct program *p, const int *apart, pid_t *ret)
{
	posix_spawn_file_actions_t files;
	posix_spawnattr_t attributes;
	sigset_t none, defaults;
	sigemptyset(&none);
	sigfillset(&defaults);
	posix_spawn_file_actions_init(&files);
	posix_spawnattr_init(&attributes);
	posix_spawn_file_actions_addopen(&files, STDIN_FILENO, "/dev/null", O_RDWR, 0);
	posix_spawn_file_actions_adddup2(&files, p->output ? p->output : STDIN_FILENO,
					 STDOUT_FILENO);
	if (!p->has_stderr && !SANITIZERS_REPORT)
		posix_spawn_file_actions_adddup2(&files, STDIN_FILENO, STDERR_FILENO);
	for (unsigned i = 0; i < p->nfds; i++)
		posix_spawn_file_actions_adddup2(&files, apart[i], PROGRAM_FIRST_FD + (int)i);
	posix_spawn_file_actions_addclosefrom_np(&files, PROGRAM_FIRST_FD + (int)p->nfds);
	posix_spawnattr_setsigmask(&attributes, &none);
	posix_spawnattr_setsigdefault(&attributes, &defaults);
	posix_spawnattr_setpgroup(&attributes, 0);
	posix_spawnattr_setflags(&attributes,
				 (short)(POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF |
					 (p->own_group ? POSIX_SPAWN_SETPGROUP : 0)));
	pid_t pid;
	int r = -posix_spawn(&pid, p->path, &files, &attributes, p->argv, p->environment);
	posix_spawnattr_destroy(&attributes);
	posix_spawn_file_actions_destroy(&files);
	if (r == 0)
		*ret = pid;
	return r;
}

/*
 * The descriptors are first duplicated above all numbers that the program is to have them by: so
 * none is overwritten before it is moved to its number.
 */
int program_spawn(const struct program *p, pid_t *ret)
{
	int apart[PROGRAM_FDS_MAX] = {-1, -1, -1}, r = 0;
	unsigned n = 0;
	for (; n < p->nfds && r == 0; n++) {
		apart[n] = fcntl(p->fds[n], F_DUPFD_CLOEXEC, PROGRAM_FIRST_FD + PROGRAM_FDS_MAX);
		r = apart[n] < 0 ? -errno : 0;
	}
	if (r == 0)
		r = spawn(p, apart, ret);
	while (n > 0)
		fd_close(apart[--n]);
	return r;
}

int programs_check(void)
{
	_cleanup_(freep) char *pump = program_path(PROGRAM_PUMP);
	_cleanup_(freep) char *hand = program_path(PROGRAM_HAND);
	return pump && hand ? 0 : -ENOENT;
}
