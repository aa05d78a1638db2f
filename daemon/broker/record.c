/* SPDX-License-Identifier: MIT */
#include "daemon/broker/record.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"
#include "daemon/broker/process.h"

#define MAGIC      0x7a637278u
#define GROUPS_MAX 65536u

struct file {
	uint32_t magic, bytes; /* of this structure */
	uint64_t started;
	uint32_t id, groups;
	int32_t pid;
	uint32_t uid, gid, pad;
	char socket[POLICY_NAME_BYTES], class[POLICY_NAME_BYTES];
	/* Then the groups. */
};

static void path_of(char ret[512], const char *dir, pid_t pump)
{
	snprintf(ret, 512, "%s/%d", dir, (int)pump);
}

int record_write(const char *dir, struct record *r)
{
	char path[512];
	struct file head = {.magic = MAGIC,
			    .bytes = sizeof(head),
			    .started = process_read(r->pump).started,
			    .id = r->id,
			    .groups = r->is.group_count,
			    .pid = r->who.pid,
			    .uid = r->who.uid,
			    .gid = r->who.gid};
	size_t groups = r->is.group_count * sizeof(gid_t);
	snprintf(head.socket, sizeof(head.socket), "%s", r->who.socket);
	snprintf(head.class, sizeof(head.class), "%s", r->who.class);
	path_of(path, dir, r->pump);
	if (mkdir(dir, 0700) < 0 && errno != EEXIST)
		return -errno;
	_cleanup_(fd_closep) int fd =
		open(path, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (fd < 0)
		return -errno;
	if (write(fd, &head, sizeof(head)) != sizeof(head) ||
	    (groups > 0 && write(fd, r->is.groups, groups) != (ssize_t)groups))
		return -EIO;
	r->started = head.started;
	return 0;
}

void record_remove(const char *dir, pid_t pump)
{
	char path[512];
	path_of(path, dir, pump);
	unlink(path);
}

static int record_read(const char *path, struct record *ret)
{
	struct file head = {0};
	struct stat st;
	_cleanup_(fd_closep) int fd = open(path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0 || fstat(fd, &st) < 0)
		return -errno;
	if (st.st_uid != geteuid() || read(fd, &head, sizeof(head)) != sizeof(head) ||
	    head.magic != MAGIC || head.bytes != sizeof(head) || head.groups > GROUPS_MAX)
		return -EBADMSG;
	size_t bytes = head.groups * sizeof(gid_t);
	gid_t *groups = head.groups ? malloc(bytes) : NULL;
	if (head.groups && (!groups || read(fd, groups, bytes) != (ssize_t)bytes)) {
		free(groups);
		return -EBADMSG;
	}
	ret->started = head.started;
	ret->id = head.id;
	ret->who = (struct client_identity){.pid = head.pid, .uid = head.uid, .gid = head.gid};
	snprintf(ret->who.socket, sizeof(ret->who.socket), "%.*s", POLICY_NAME_BYTES - 1,
		 head.socket);
	snprintf(ret->who.class, sizeof(ret->who.class), "%.*s", POLICY_NAME_BYTES - 1, head.class);
	ret->is = (struct policy_identity){.uid = head.uid,
					   .gid = head.gid,
					   .groups = groups,
					   .group_count = head.groups};
	return 0;
}

/* The process of the record, or -1: the number may be another's by now. */
static int process_of(const struct record *r)
{
	int pidfd = pidfd_open(r->pump, 0);
	if (pidfd >= 0 && r->started && process_read(r->pump).started == r->started)
		return pidfd;
	return fd_close(pidfd);
}

void records_read(const char *dir, bool (*found)(struct record *r, int pidfd, void *data),
		  void *data)
{
	DIR *d = opendir(dir);
	const struct dirent *e;
	while (d && (e = readdir(d))) { /* NOLINT(concurrency-mt-unsafe): each has its own */
		char path[512];
		struct record r = {.pump = (pid_t)strtol(e->d_name, NULL, 10)};
		path_of(path, dir, r.pump);
		if (r.pump <= 0)
			continue;
		int pidfd = record_read(path, &r) < 0 ? -1 : process_of(&r);
		if (pidfd >= 0 && found(&r, pidfd, data))
			continue;
		fd_close(pidfd);
		identity_done(&r.is);
		unlink(path);
	}
	if (d)
		closedir(d);
}
