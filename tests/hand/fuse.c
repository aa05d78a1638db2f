/* SPDX-License-Identifier: MIT */
/* A file system of one file, spoken directly: it lets the file be opened, and then keeps everybody
 * waiting who does anything with it; or only who reads. */
#include <errno.h>
#include <fcntl.h>
#include <linux/fuse.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/fd.h"
#include "tests/hand/objects.h"

struct fuse {
	pid_t server;
	char file[64];
};

static char request[1 << 17];

static void answer(int fd, const void *body, size_t bytes)
{
	const struct fuse_in_header *in = (const void *)request;
	struct fuse_out_header out = {.len = (uint32_t)(sizeof(out) + bytes), .unique = in->unique};
	struct iovec iov[2] = {{.iov_base = &out, .iov_len = sizeof(out)},
			       {.iov_base = (void *)(uintptr_t)body, .iov_len = bytes}};
	(void)!writev(fd, iov, 2);
}

static void serve(int fd, bool only_reads_wait)
{
	const struct fuse_in_header *in = (const void *)request;
	bool opened = false;
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	while (read(fd, request, sizeof(request)) > 0) {
		const struct fuse_attr_out attributes = {.attr_valid = 1000,
							 .attr = {.ino = 1,
								  .mode = S_IFREG | 0600,
								  .nlink = 1,
								  .size = AREA_BYTES}};
		if (opened && only_reads_wait && in->opcode == FUSE_FLUSH)
			answer(fd, NULL, 0);
		if (opened)
			continue; /* for ever */
		if (in->opcode == FUSE_INIT)
			answer(fd,
			       &(struct fuse_init_out){.major = 7, .minor = 31, .max_write = 4096},
			       sizeof(struct fuse_init_out));
		else if (in->opcode == FUSE_GETATTR)
			answer(fd, &attributes, sizeof(attributes));
		else if (in->opcode == FUSE_OPEN)
			answer(fd, &(struct fuse_open_out){.fh = 1}, sizeof(struct fuse_open_out));
		opened = in->opcode == FUSE_OPEN;
	}
	_exit(0);
}

static struct fuse *start(const char **ret_file, bool only_reads_wait)
{
	char options[96];
	struct fuse *f = calloc(1, sizeof(*f));
	_cleanup_(fd_closep) int fd = open("/dev/fuse", O_RDWR | O_CLOEXEC);
	if (!f || fd < 0 || unshare(CLONE_NEWNS) < 0 ||
	    mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0) {
		free(f);
		return NULL;
	}
	snprintf(f->file, sizeof(f->file), "/tmp/zcrx-hand.XXXXXX");
	fd_close(mkstemp(f->file));
	snprintf(options, sizeof(options), "fd=%d,rootmode=100600,user_id=0,group_id=0", fd);
	if (mount("fuse", f->file, "fuse", MS_NOSUID | MS_NODEV, options) < 0) {
		unlink(f->file);
		free(f);
		return NULL;
	}
	f->server = fork();
	if (f->server == 0)
		serve(fd, only_reads_wait);
	*ret_file = f->file;
	return f;
}

struct fuse *fuse_start(const char **ret_file)
{
	return start(ret_file, false);
}

struct fuse *fuse_start_unreadable(const char **ret_file)
{
	return start(ret_file, true);
}

void fuse_end(struct fuse *f)
{
	kill(f->server, SIGKILL);
	waitpid(f->server, NULL, 0);
	umount2(f->file, MNT_DETACH);
	unlink(f->file);
	free(f);
}
