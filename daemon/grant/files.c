/* SPDX-License-Identifier: MIT */
#include "daemon/grant/files.h"
#include "daemon/grant/account.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "base/fd.h"
#include "daemon/common/memfd.h"
#include "daemon/grant/charges.h"
#include "daemon/grant/kept.h"

#define LOOK_EVERY_S  1
#define FILES_NEW_MAX (256u << 20) /* no rings are as large */
static struct {
	pthread_mutex_t lock;
	int inotify, timer; /* the timer runs while anything is kept, or events were missed */
	bool missed;        /* the kernel dropped events, and rescan() has not run since */
} files = {.lock = PTHREAD_MUTEX_INITIALIZER, .inotify = -1, .timer = -1};

int files_init(int ret_due[2])
{
	files.inotify = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
	files.timer = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
	if (files.inotify < 0 || files.timer < 0)
		return -errno;
	ret_due[0] = files.inotify;
	ret_due[1] = files.timer;
	return 0;
}

static void timer_set(time_t seconds)
{
	const struct itimerspec every = {{.tv_sec = seconds}, {.tv_sec = seconds}};
	timerfd_settime(files.timer, 0, &every, NULL);
}

/* Returns the file's watch, which is the same however often it is asked for. */
static int watch_get(int fd, uint32_t events)
{
	char path[64];
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	int watch = inotify_add_watch(files.inotify, path, events);
	return watch < 0 ? -errno : watch;
}

static int charge_try(struct user *u, int fd, uint64_t bytes, char *why)
{
	pthread_mutex_lock(&files.lock);
	int watch = watch_get(fd, IN_DELETE_SELF), r = watch;
	if (watch >= 0) {
		r = charges_add(u, watch, bytes, why);
		if (!charges_any(watch))
			inotify_rm_watch(files.inotify, watch);
	}
	pthread_mutex_unlock(&files.lock);
	return r;
}

int files_charge(struct user *u, int fd, uint64_t bytes, char why[LIMITS_SAID_BYTES])
{
	int r = charge_try(u, fd, bytes, why);
	if ((r == -EDQUOT || r == -ENOSPC) && files_reap(u))
		r = charge_try(u, fd, bytes, why);
	return r;
}

/*
 * A socket has one open file, however many descriptors of it there are: that is closed when the
 * last of them has gone, also those in flight. The watch goes with this event.
 */
static int host_try(struct user *u, int sock, bool listening)
{
	pthread_mutex_lock(&files.lock);
	int watch = watch_get(sock, IN_CLOSE | IN_ONESHOT), r = watch;
	if (watch >= 0) {
		r = charges_add_socket(u, watch, listening);
		if (r < 0)
			inotify_rm_watch(files.inotify, watch);
	}
	pthread_mutex_unlock(&files.lock);
	return r;
}

int files_host(struct user *u, int sock, bool listening)
{
	int r = host_try(u, sock, listening);
	if ((r == -EDQUOT || r == -ENOSPC) && files_reap(u))
		r = host_try(u, sock, listening);
	return r;
}

/* It is charged before it has any memory. */
static int file_make(int fd, struct user *u, enum file_kind kind, uint64_t bytes, char *why)
{
	int r = files_charge(u, fd, bytes, why);
	if (r < 0)
		return r;
	r = kind == FILE_SIDE ? ftruncate(fd, (off_t)bytes) : fallocate(fd, 0, 0, (off_t)bytes);
	return r < 0 ? -errno : memfd_fix(fd, kind == FILE_RQ);
}

int files_new(struct user *u, enum file_kind kind, uint64_t bytes, int *ret_readonly,
	      char why[LIMITS_SAID_BYTES])
{
	static const char *const names[] = {"zcrxd-cq", "zcrxd-rq", "zcrxd-side"};
	if (kind >= FILE_KINDS || bytes > FILES_NEW_MAX)
		return -EINVAL;
	_cleanup_(fd_closep) int fd = memfd_new(names[kind]);
	int r = fd < 0 ? fd : file_make(fd, u, kind, bytes, why);
	int readonly = r < 0 ? r : memfd_readonly(fd);
	if (readonly < 0)
		return readonly;
	*ret_readonly = readonly;
	return fd_steal(&fd);
}

int files_account(struct user *u, enum account_kind kind, uint64_t n, char why[LIMITS_SAID_BYTES])
{
	int r = account_charge(u, kind, n, why);
	return r < 0 && files_reap(u) ? account_charge(u, kind, n, why) : r;
}

/* ---- what has gone ---- */

/*
 * Nobody read the events in time, so the kernel dropped some. It lists the watches that are left; a
 * charge whose watch is not among them is released. If the list cannot be opened files.missed
 * stays.
 */
static bool rescan(void)
{
	static const char beginning[] = "inotify wd:";
	const size_t n = sizeof(beginning) - 1;
	char path[64], line[256];
	snprintf(path, sizeof(path), "/proc/self/fdinfo/%d", files.inotify);
	FILE *f = fopen(path, "re");
	if (!f)
		return false;
	while (fgets(line, sizeof(line), f))
		if (strncmp(line, beginning, n) == 0)
			charges_see((int)strtol(line + n, NULL, 16));
	fclose(f);
	files.missed = false;
	return charges_drop_unseen();
}

static bool events_take(void)
{
	_Alignas(struct inotify_event) char events[4096];
	bool any = false;
	ssize_t n;
	while ((n = read(files.inotify, events, sizeof(events))) > 0) {
		const char *at = events, *end = events + n;
		while (at < end) {
			const struct inotify_event *e = (const void *)at;
			at += sizeof(*e) + e->len;
			if (e->mask & IN_Q_OVERFLOW)
				files.missed = true;
			else if (e->mask & (IN_DELETE_SELF | IN_CLOSE))
				any |= charges_drop(e->wd);
		}
	}
	if (files.missed)
		any |= rescan();
	return any;
}

bool files_reap(const struct user *u)
{
	uint64_t expirations;
	bool any = kept_reap(u); /* before events_take(): their files may go with them */
	pthread_mutex_lock(&files.lock);
	if (read(files.timer, &expirations, sizeof(expirations)) < 0)
		expirations = 0; /* the inotify instance was readable, not the timer */
	any |= events_take();
	timer_set(!kept_any() && !files.missed ? 0 : LOOK_EVERY_S);
	pthread_mutex_unlock(&files.lock);
	return any;
}

/* ---- dma-bufs ---- */

void files_keep(struct kept *k)
{
	kept_add(k);
	pthread_mutex_lock(&files.lock);
	timer_set(LOOK_EVERY_S);
	pthread_mutex_unlock(&files.lock);
}

void files_done(void)
{
	kept_done();
	charges_done();
	files.inotify = fd_close(files.inotify);
	files.timer = fd_close(files.timer);
}
