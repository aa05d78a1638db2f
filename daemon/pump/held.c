/* SPDX-License-Identifier: MIT */
#include "daemon/pump/held.h"

#include <sys/stat.h>

#include "base/fd.h"
#include "daemon/ask/ask.h"
#include "daemon/backend/side.h"

static void tell(int fd)
{
	struct stat st;
	if (fd < 0 || fd_stat(fd, &st) < 0)
		return;
	union link_any m = {.as_HAVE_FILE = {.hdr.nfds = 1, .bytes = (uint64_t)st.st_size}};
	ask_tell(&m, LINK_HAVE_FILE, &fd);
}

void held_files_tell(struct client *c)
{
	const struct queue *q;
	const struct area *a;
	pthread_mutex_lock(&c->lock);
	LIST_FOREACH (a, &c->areas, link) {
		union link_any m = {.as_HAVE_FILE = {.hdr.nfds = 1, .bytes = a->bytes}};
		if (a->memfd >= 0)
			ask_tell(&m, LINK_HAVE_FILE, &a->memfd);
	}
	TAILQ_FOREACH (q, &c->queues, link) {
		tell(q->rings.cq_fd);
		tell(q->rings.rq_fd);
		if (q->side)
			tell(q->side->fd);
	}
	pthread_mutex_unlock(&c->lock);
}

bool held_is_bound(struct client *c)
{
	const struct queue *q;
	const struct area *a;
	bool bound = false;
	pthread_mutex_lock(&c->lock);
	LIST_FOREACH (a, &c->areas, link)
		bound |= a->kept != NULL;
	TAILQ_FOREACH (q, &c->queues, link)
		bound |= q->lease || q->leaving;
	pthread_mutex_unlock(&c->lock);
	return bound;
}
