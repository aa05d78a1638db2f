/* SPDX-License-Identifier: MIT */
/*
 * The broker has a hand make a dma-buf of the client's memfd, and holds both: so it can see for how
 * long the client has the dma-buf, also when this pump has gone, and charges it until then.
 */
#include "daemon/grant/udmabuf.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/queue.h>

#include "base/fd.h"
#include "daemon/ask/ask.h"
#include "daemon/grant/files.h"
#include "daemon/grant/kept.h"

struct kept {
	LIST_ENTRY(kept) link;
	uint32_t id; /* its number in messages of the link */
	int memfd, dmabuf;
};

static struct {
	pthread_mutex_t lock;
	LIST_HEAD(, kept) made; /* those for which kept_new() was not called yet */
} all = {.lock = PTHREAD_MUTEX_INITIALIZER};

int udmabuf_new(int memfd, uint64_t bytes)
{
	union link_any m = {.as_UDMABUF = {.bytes = bytes}};
	struct kept *k = malloc(sizeof(*k));
	int fd = -1, r = k ? ask(&m, LINK_UDMABUF, &memfd, &fd) : -ENOMEM;
	if (r < 0) {
		free(k);
		return r;
	}
	*k = (struct kept){.id = m.re_UDMABUF.id, .memfd = -1, .dmabuf = fd};
	pthread_mutex_lock(&all.lock);
	LIST_INSERT_HEAD(&all.made, k, link);
	pthread_mutex_unlock(&all.lock);
	return fd;
}

int kept_new(struct kept **ret, struct user *u, int memfd, int dmabuf)
{
	struct kept *k;
	(void)u;
	pthread_mutex_lock(&all.lock);
	LIST_FOREACH (k, &all.made, link)
		if (k->dmabuf == dmabuf)
			break;
	if (k)
		LIST_REMOVE(k, link);
	pthread_mutex_unlock(&all.lock);
	if (!k)
		return -ENOENT;
	k->memfd = memfd;
	*ret = k;
	return 0;
}

void files_keep(struct kept *k)
{
	fd_close(k->dmabuf);
	fd_close(k->memfd);
	ask_keep(k->id);
	free(k);
}
