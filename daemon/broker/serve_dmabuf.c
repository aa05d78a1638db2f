/* SPDX-License-Identifier: MIT */
#include "daemon/broker/serve_dmabuf.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/fd.h"
#include "daemon/broker/errand.h"
#include "daemon/broker/pump.h"
#include "daemon/broker/serve.h"
#include "daemon/grant/account.h"
#include "daemon/grant/classes.h"
#include "daemon/grant/files.h"
#include "daemon/grant/kept.h"

#define DEADLINE_MS 60000 /* gigabytes may have to be made unswappable */

struct held_kept {
	LIST_ENTRY(held_kept) link;
	uint32_t id;
	struct kept *kept;
};

/* The charge of one area becomes the dma-buf's: the pump has one for each, see below. */
static void keep(struct pump *p, struct held_kept *k)
{
	LIST_REMOVE(k, link);
	serve_charged_set(p, ACCOUNT_AREAS, p->charged[ACCOUNT_AREAS] - 1);
	files_keep(k->kept);
	free(k);
}

void on_keep(struct pump *p, const struct link_id *m)
{
	struct held_kept *k;
	LIST_FOREACH (k, &p->kept, link)
		if (k->id == m->id)
			return keep(p, k);
	if (!p->again || p->charged[ACCOUNT_AREAS] == 0)
		return pump_break(p, "keeps what it has not");
	/* The broker before had this dma-buf. Nobody counts any more how long the client has it. */
	serve_charged_set(p, ACCOUNT_AREAS, p->charged[ACCOUNT_AREAS] - 1);
	account_release(p->who.user, ACCOUNT_AREAS, 1);
}

/* Keeps a duplicate of the memfd, which is the hand's, until the dma-buf is there. */
static int shown(struct errand *e, const int *fds, uint32_t nfds)
{
	int r = nfds == 1 && e->memfd < 0 ? errand_charge(e, fds, nfds) : -EINVAL;
	if (r < 0)
		return r;
	e->memfd = fcntl(fds[0], F_DUPFD_CLOEXEC, 0);
	return e->memfd < 0 ? -errno : 0;
}

/* Takes over the dma-buf, and the errand's memfd, on success only. */
static int hold(struct errand *e, int *dmabuf, uint32_t *ret_id)
{
	static uint32_t last_id;
	/* It begins at the clock, so that it is no number of the broker before, some of which the
	 * pump may have. */
	if (!last_id)
		last_id = (uint32_t)clock_ns();
	struct held_kept *k = calloc(1, sizeof(*k));
	int r = k ? kept_new(&k->kept, e->pump->who.user, e->memfd, *dmabuf) : -ENOMEM;
	if (r < 0) {
		free(k);
		return r;
	}
	fd_steal(&e->memfd);
	fd_steal(dmabuf);
	k->id = *ret_id = ++last_id;
	LIST_INSERT_HEAD(&e->pump->kept, k, link);
	return 0;
}

static int done(struct errand *e, const struct hand_reply *reply, int *fd, struct served *s)
{
	if (reply->error < 0)
		return reply->error;
	_cleanup_(fd_closep) int copy = fcntl(*fd, F_DUPFD_CLOEXEC, 0);
	int r = copy < 0 ? -errno : hold(e, fd, &s->reply.re_UDMABUF.id);
	if (r < 0)
		return r;
	s->fds[0] = fd_steal(&copy);
	s->nfds = 1;
	return 0;
}

static void drop(struct errand *e)
{
	e->memfd = fd_close(e->memfd);
}

static const struct errand_kind udmabuf_kind = {.deadline_ms = DEADLINE_MS,
						.gives = true,
						.shown = shown,
						.done = done,
						.drop = drop};

/* How many dma-bufs the pump has, those that are being made among them. */
static uint64_t count(const struct pump *p)
{
	const struct held_kept *k;
	const struct errand *e;
	uint64_t n = 0;
	LIST_FOREACH (k, &p->kept, link)
		n++;
	LIST_FOREACH (e, &p->errands, link)
		n += e->kind == &udmabuf_kind;
	return n;
}

/* The pump has had an area charged for each dma-buf, so it gets no more of them. */
int on_udmabuf(struct pump *p, const struct link_bytes *m, struct served *s)
{
	struct classes *classes;
	bool may = pump_class(p, &classes)->udmabuf;
	(void)s;
	classes_put(classes);
	if (!may)
		return -EACCES;
	if (count(p) >= p->charged[ACCOUNT_AREAS])
		return -EDQUOT;
	return errand_start(p, &m->hdr,
			    &(struct errand){.kind = &udmabuf_kind,
					     .job = {.kind = HAND_UDMABUF,
						     .udmabuf = {.bytes = m->bytes}},
					     .bytes = {m->bytes},
					     .memfd = -1});
}

/*
 * A pump that cannot use a dma-buf releases the charge of its area at once. If it was taken over
 * its client may have the dma-buf all the same. So the last one that was made is kept.
 */
bool serve_dmabuf_release(struct pump *p, uint64_t *n)
{
	uint64_t made = count(p);
	for (; *n > 0 && p->charged[ACCOUNT_AREAS] - *n < made && !LIST_EMPTY(&p->kept); made--) {
		keep(p, LIST_FIRST(&p->kept));
		--*n;
	}
	return p->charged[ACCOUNT_AREAS] - *n >= made;
}

void serve_dmabuf_end_all(struct pump *p)
{
	while (!LIST_EMPTY(&p->kept))
		keep(p, LIST_FIRST(&p->kept));
}
