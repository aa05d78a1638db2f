/* SPDX-License-Identifier: MIT */
#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "tests/sandbox/attack.h"

#define PATH ((long)"/etc/passwd")

static struct open_how how = {.flags = O_RDONLY};
static struct statx status;
static struct statfs system_status;
static char text[256];
static char *arguments[] = {text, NULL};

static int watch(const struct world *w, struct stage *s)
{
	(void)s;
	int fd = inotify_init1(0);
	return fd >= 0 && inotify_add_watch(fd, w->folder, IN_CREATE) >= 0 ? 0 : -1;
}

void attacks_on_files(struct attacks *all, const struct world *w)
{
	long file = (long)w->file, none = AT_FDCWD;
	CALL(all, 1, "open", SYS_openat, none, PATH, O_RDONLY);
	CALL(all, 1, "open to write", SYS_openat, none, file, O_WRONLY);
	CALL(all, 1, "openat2", SYS_openat2, none, PATH, (long)&how, sizeof(how));
	CALL(all, LANDLOCK_NOT, "open with O_PATH", SYS_openat, none, PATH, O_PATH);
	CALL(all, LANDLOCK_NOT, "statx", SYS_statx, none, PATH, 0, STATX_ALL, (long)&status);
	CALL(all, LANDLOCK_NOT, "newfstatat", SYS_newfstatat, none, PATH, (long)text, 0);
	CALL(all, LANDLOCK_NOT, "statfs", SYS_statfs, PATH, (long)&system_status);
	CALL(all, LANDLOCK_NOT, "faccessat", SYS_faccessat, none, PATH, R_OK);
	CALL(all, LANDLOCK_NOT, "readlinkat", SYS_readlinkat, none, (long)"/proc/self/exe",
	     (long)text, sizeof(text));
	CALL(all, LANDLOCK_NOT, "chdir", SYS_chdir, (long)"/");
	CALL(all, LANDLOCK_NOT, "fchmodat", SYS_fchmodat, none, file, 0600);
	CALL(all, LANDLOCK_NOT, "utimensat", SYS_utimensat, none, file, 0, 0);
	CALL(all, 3, "truncate", SYS_truncate, file, 1);
	CALL(all, 1, "mkdirat", SYS_mkdirat, none, (long)"made", 0700);
	CALL(all, 1, "symlinkat", SYS_symlinkat, (long)"x", none, (long)"link");
	CALL(all, 1, "mknodat, a fifo", SYS_mknodat, none, (long)"fifo", S_IFIFO | 0600);
	CALL(all, 1, "unlinkat", SYS_unlinkat, none, (long)"victim", 0);
	CALL(all, 1, "renameat", SYS_renameat2, none, (long)"victim", none, (long)"moved", 0);
	CALL(all, 1, "execve", SYS_execve, (long)"/bin/true", (long)arguments, 0);
	CALL(all, LANDLOCK_NOT, "mount", SYS_mount, (long)"x", (long)"/tmp", (long)"tmpfs", 0, 0)
		->kernel = true;
	CALL(all, LANDLOCK_NOT, "chroot", SYS_chroot, (long)"/")->kernel = true;
	attack_add(all, "inotify of a folder", BY_FUNCTION)->run = watch;
}
