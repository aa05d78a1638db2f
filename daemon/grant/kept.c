/* SPDX-License-Identifier: MIT */
#include "daemon/grant/kept.h"

#include <errno.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>

#include "base/clock.h"
#include "base/fd.h"
#include "daemon/common/may_wait.h"
#include "daemon/common/work.h"
#include "daemon/grant/account.h"

#define LOOK_AGAIN_NS 10000000u

struct kept {
	LIST_ENTRY(kept) link;
	struct user *user;
	int memfd, dmabuf;
	uint64_t looked_ns; /* when is_only_ours() was last asked */
	bool taken;         /* some thread is closing it */
};

LIST_HEAD(keeping, kept);

static struct {
	pthread_mutex_t lock;
	pthread_cond_t closed;
	struct keeping kept, closing; /* closing: nobody else has them */
	struct work work;             /* closes them */
	bool working;                 /* `work` was begun and is not joined yet */
} all = {.lock = PTHREAD_MUTEX_INITIALIZER, .closed = PTHREAD_COND_INITIALIZER};

int kept_new(struct kept **ret, struct user *u, int memfd, int dmabuf)
{
	struct kept *k = malloc(sizeof(*k));
	if (!k)
		return -ENOMEM;
	*k = (struct kept){.user = user_ref(u), .memfd = memfd, .dmabuf = dmabuf};
	*ret = k;
	return 0;
}

void kept_add(struct kept *k)
{
	pthread_mutex_lock(&all.lock);
	LIST_INSERT_HEAD(&all.kept, k, link);
	pthread_mutex_unlock(&all.lock);
}

/* The kernel counts the descriptors, mappings and devices that have a dma-buf. */
static bool is_only_ours(int dmabuf)
{
	char path[64], line[256];
	long count = 0;
	snprintf(path, sizeof(path), "/proc/self/fdinfo/%d", dmabuf);
	FILE *f = fopen(path, "re");
	if (!f)
		return false;
	while (count == 0 && fgets(line, sizeof(line), f))
		if (strncmp(line, "count:", 6) == 0)
			count = strtol(line + 6, NULL, 10);
	fclose(f);
	return count == 1;
}

/*
 * Finds the dma-bufs that nobody else has. Each is looked at every LOOK_AGAIN_NS at most, however
 * often a client has requests refused.
 */
static void look(void)
{
	struct kept *k, *next;
	uint64_t now = clock_ns();
	for (k = LIST_FIRST(&all.kept); k; k = next) {
		next = LIST_NEXT(k, link);
		if (now - k->looked_ns < LOOK_AGAIN_NS)
			continue;
		k->looked_ns = now;
		if (!is_only_ours(k->dmabuf))
			continue;
		LIST_REMOVE(k, link);
		LIST_INSERT_HEAD(&all.closing, k, link);
	}
}

static struct kept *next_to_close(void)
{
	struct kept *k;
	LIST_FOREACH (k, &all.closing, link)
		if (!k->taken)
			return k;
	return NULL;
}

/* With the lock held, which it gives up while it closes. Returns true if there was any. */
static bool close_all(void)
{
	struct kept *k;
	bool any = false;
	for (; (k = next_to_close()); any = true) {
		k->taken = true;
		pthread_mutex_unlock(&all.lock);
		fd_close(k->dmabuf);
		fd_close(k->memfd);
		pthread_mutex_lock(&all.lock);
		LIST_REMOVE(k, link);
		account_release(k->user, ACCOUNT_AREAS, 1);
		user_put(k->user);
		free(k);
		pthread_cond_broadcast(&all.closed);
	}
	return any;
}

static void run(void *arg)
{
	(void)arg;
	pthread_mutex_lock(&all.lock);
	close_all();
	pthread_mutex_unlock(&all.lock);
}

/* If there is no thread now, the next call tries again: kept_any() says that there is to be one. */
static void close_elsewhere(void)
{
	if (all.working && !work_is_over(&all.work))
		return;
	if (all.working)
		work_join(&all.work);
	all.working = next_to_close() && work_try(&all.work, run, NULL, -1);
}

bool kept_reap(void)
{
	bool any = false;
	pthread_mutex_lock(&all.lock);
	look();
	if (!may_wait()) {
		close_elsewhere();
	} else {
		any = close_all();
		for (; !LIST_EMPTY(&all.closing); any = true)
			pthread_cond_wait(&all.closed, &all.lock);
	}
	pthread_mutex_unlock(&all.lock);
	return any;
}

bool kept_any(void)
{
	pthread_mutex_lock(&all.lock);
	bool any = !LIST_EMPTY(&all.kept) || !LIST_EMPTY(&all.closing);
	pthread_mutex_unlock(&all.lock);
	return any;
}

bool kept_is_closing(const struct user *u)
{
	const struct kept *k;
	pthread_mutex_lock(&all.lock);
	bool is = all.working; /* so one of the user's may have been closed this very moment */
	LIST_FOREACH (k, &all.closing, link)
		is |= k->user == u;
	pthread_mutex_unlock(&all.lock);
	return is;
}

void kept_done(void)
{
	struct kept *k;
	pthread_mutex_lock(&all.lock);
	while ((k = LIST_FIRST(&all.kept))) {
		LIST_REMOVE(k, link);
		LIST_INSERT_HEAD(&all.closing, k, link);
	}
	close_all();
	while (!LIST_EMPTY(&all.closing))
		pthread_cond_wait(&all.closed, &all.lock);
	pthread_mutex_unlock(&all.lock);
	if (all.working)
		work_join(&all.work);
	all.working = false;
}
