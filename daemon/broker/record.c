/* SPDX-License-Identifier: MIT */
#include "daemon/broker/record.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"
#include "daemon/grant/process.h"

#define MAGIC      0x7a63727au
#define GROUPS_MAX 65536u

static void path_of(char ret[512], const char *dir, pid_t pump)
{
	snprintf(ret, 512, "%s/%d", dir, (int)pump);
}

/* The whole page is written, so that no store to it finds that there is no memory. */
static int page_write(int fd, const struct record_page *head, const struct policy_identity *is)
{
	char bytes[RECORD_PAGE_BYTES] = "";
	size_t groups = is->group_count * sizeof(gid_t);
	memcpy(bytes, head, sizeof(*head));
	if (groups > 0 && pwrite(fd, is->groups, groups, RECORD_PAGE_BYTES) != (ssize_t)groups)
		return -EIO;
	return pwrite(fd, bytes, sizeof(bytes), 0) == sizeof(bytes) ? 0 : -EIO;
}

int record_write(struct record_file **ret, const char *dir, struct record *r)
{
	char path[512];
	struct record_page head = {.magic = MAGIC,
				   .id = r->id,
				   .groups = r->is.group_count,
				   .pid = r->who.pid,
				   .uid = r->who.uid,
				   .gid = r->who.gid};
	snprintf(head.socket, sizeof(head.socket), "%s", r->who.socket);
	snprintf(head.class, sizeof(head.class), "%s", r->who.class);
	path_of(path, dir, r->pump);
	(void)journal_boot(head.boot);
	int e = process_started(r->pump, &head.started);
	if (e < 0)
		return e;
	if (mkdir(dir, 0700) < 0 && errno != EEXIST)
		return -errno;
	_cleanup_(fd_closep) int fd =
		open(path, O_RDWR | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (fd < 0)
		return -errno;
	e = page_write(fd, &head, &r->is);
	if (e == 0)
		e = record_open(ret, fd, head.groups);
	if (e < 0)
		return e;
	fd_steal(&fd);
	r->started = head.started;
	return 0;
}

void record_remove(const char *dir, pid_t pump)
{
	char path[512];
	path_of(path, dir, pump);
	unlink(path);
}

static int groups_read(int fd, const struct record_page *head, struct record *ret)
{
	size_t bytes = head->groups * sizeof(gid_t);
	gid_t *groups = head->groups ? malloc(bytes) : NULL;
	if (head->groups && !groups)
		return -ENOMEM;
	if (head->groups && pread(fd, groups, bytes, RECORD_PAGE_BYTES) != (ssize_t)bytes) {
		free(groups);
		return -EBADMSG;
	}
	ret->is = (struct policy_identity){.uid = head->uid,
					   .gid = head->gid,
					   .groups = groups,
					   .group_count = head->groups};
	return 0;
}

/* The folder may outlive the machine's boot, if the clients' socket is not below /run. */
static bool is_of_this_boot(const struct record_page *head)
{
	char boot[BOOT_ID_BYTES];
	return !*head->boot || journal_boot(boot) < 0 ||
	       strncmp(head->boot, boot, sizeof(boot)) == 0;
}

static int record_read(struct record_file **ret_file, const char *path, struct record *ret)
{
	struct record_page head = {0};
	struct stat st;
	_cleanup_(fd_closep) int fd = open(path, O_RDWR | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0 || fstat(fd, &st) < 0)
		return -errno;
	if (st.st_uid != geteuid() || st.st_size < RECORD_PAGE_BYTES ||
	    pread(fd, &head, sizeof(head), 0) != sizeof(head) || head.magic != MAGIC ||
	    head.started == 0 || head.groups > GROUPS_MAX || !is_of_this_boot(&head))
		return -EBADMSG;
	ret->started = head.started;
	ret->id = head.id;
	ret->who = (struct client_identity){.pid = head.pid, .uid = head.uid, .gid = head.gid};
	snprintf(ret->who.socket, sizeof(ret->who.socket), "%.*s", POLICY_NAME_BYTES - 1,
		 head.socket);
	snprintf(ret->who.class, sizeof(ret->who.class), "%.*s", POLICY_NAME_BYTES - 1, head.class);
	int r = groups_read(fd, &head, ret);
	if (r == 0)
		r = record_open(ret_file, fd, head.groups);
	if (r < 0)
		return r;
	fd_steal(&fd);
	return 0;
}

/* Nothing is wrong with the record, or nobody knows: there are no descriptors, or is no memory. */
static bool is_for_now(int r)
{
	return r == -EMFILE || r == -ENFILE || r == -ENOMEM;
}

uint32_t records_read(const char *dir,
		      bool (*found)(struct record *r, struct record_file *f, int pidfd, void *data),
		      void *data)
{
	DIR *d = opendir(dir);
	const struct dirent *e;
	uint32_t left = 0;
	while (d && (e = readdir(d))) { /* NOLINT(concurrency-mt-unsafe): each has its own */
		char path[512];
		struct record_file *f = NULL;
		struct record r = {.pump = (pid_t)strtol(e->d_name, NULL, 10)};
		path_of(path, dir, r.pump);
		if (r.pump <= 0)
			continue;
		int error = record_read(&f, path, &r);
		int pidfd = error < 0 ? -1 : process_open(r.pump, r.started);
		bool stays = is_for_now(error) || (error == 0 && pidfd < 0 && pidfd != -ESRCH);
		if (pidfd >= 0 && found(&r, f, pidfd, data))
			continue;
		fd_close(pidfd);
		record_close(f);
		identity_done(&r.is);
		left += stays;
		if (!stays)
			unlink(path);
	}
	if (d)
		closedir(d);
	return left;
}
