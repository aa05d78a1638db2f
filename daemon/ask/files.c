/* SPDX-License-Identifier: MIT */
/*
 * The broker watches files of memory, and needs a descriptor of each. So does the next broker: that
 * is why this pump remembers the descriptors of files that are charged. It remembers the inode as
 * well. Where another file, or none, has the descriptor by now, the pump has closed the file: so
 * nobody needs to say here when he closes one.
 */
#include "daemon/grant/files.h"

#include <fcntl.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/queue.h>
#include <sys/stat.h>

#include "base/fd.h"
#include "daemon/ask/ask.h"

struct file {
	LIST_ENTRY(file) link;
	int fd;
	ino_t ino;
	dev_t dev;
	uint64_t bytes;
};

static struct {
	pthread_mutex_t lock;
	LIST_HEAD(, file) files;
} all = {.lock = PTHREAD_MUTEX_INITIALIZER};

static bool is_there(const struct file *f)
{
	struct stat st;
	return fd_stat(f->fd, &st) == 0 && st.st_ino == f->ino && st.st_dev == f->dev;
}

/* Forgets files that were closed. */
static void tidy(void)
{
	struct file *f, *next;
	for (f = LIST_FIRST(&all.files); f; f = next) {
		next = LIST_NEXT(f, link);
		if (is_there(f))
			continue;
		LIST_REMOVE(f, link);
		free(f);
	}
}

/* If there is no memory for it the file is not remembered, and the next broker does not charge it.
 */
static void remember(int fd, uint64_t bytes)
{
	struct stat st;
	struct file *f = fd_stat(fd, &st) < 0 ? NULL : malloc(sizeof(*f));
	if (!f)
		return;
	*f = (struct file){.fd = fd, .ino = st.st_ino, .dev = st.st_dev, .bytes = bytes};
	pthread_mutex_lock(&all.lock);
	tidy();
	LIST_INSERT_HEAD(&all.files, f, link);
	pthread_mutex_unlock(&all.lock);
}

int files_charge(struct user *u, int fd, uint64_t bytes, char why[LIMITS_SAID_BYTES])
{
	union link_any m = {.as_FILE = {.bytes = bytes}};
	(void)u;
	int r = ask(&m, LINK_FILE, &fd, NULL);
	if (r == 0)
		remember(fd, bytes);
	else
		ask_why(why, &m.re_FILE);
	return r;
}

void ask_tell_files(void)
{
	const struct file *f;
	pthread_mutex_lock(&all.lock);
	tidy();
	for (f = LIST_FIRST(&all.files); f;) {
		union link_any m = {0};
		struct link_files *some = &m.as_HAVE_FILE;
		int fds[LINK_FILES_MAX];
		for (; f && some->n < LINK_FILES_MAX; f = LIST_NEXT(f, link)) {
			fds[some->n] = fcntl(f->fd, F_DUPFD_CLOEXEC, 0); /* it may be closed soon */
			some->bytes[some->n] = f->bytes;
			some->n += fds[some->n] >= 0;
		}
		if (some->n > 0)
			ask_giving(&m, LINK_HAVE_FILE, fds, some->n);
	}
	pthread_mutex_unlock(&all.lock);
}

int files_new(struct user *u, enum file_kind kind, uint64_t bytes, int *ret_readonly,
	      char why[LIMITS_SAID_BYTES])
{
	union link_any m = {.as_MEMORY = {.bytes = bytes, .what = kind}};
	int fds[2], r = ask(&m, LINK_MEMORY, NULL, fds);
	(void)u;
	if (r < 0) {
		ask_why(why, &m.re_MEMORY);
		return r;
	}
	remember(fds[0], bytes);
	*ret_readonly = fds[1];
	return fds[0];
}
