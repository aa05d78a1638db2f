/* SPDX-License-Identifier: MIT */
#include "daemon/pump/pending.h"

#include <assert.h>
#include <sys/epoll.h>

#include "daemon/pump/reply.h"
#include "proto/wire.h"

void pending_begin(struct client *c, const struct msg_hdr *request, const struct pending_kind *kind)
{
	assert(!c->session.pending.kind);
	c->session.pending = (struct pending){.kind = kind, .request = *request};
	reply_watch(c, 0);
}

void pending_finish(struct client *c, uint32_t reason, const struct answer *a)
{
	struct msg_hdr request = c->session.pending.request;
	c->session.pending = (struct pending){0};
	if (c->done) {
		wire_close(a->fds, a->nfds);
		return;
	}
	reply_watch(c, EPOLLIN);
	reply_answer(c, &request, reason, a);
}

uint64_t pending_look(struct client *c, uint64_t now_ns)
{
	const struct pending *p = &c->session.pending;
	if (!p->kind)
		return LOOP_FOREVER;
	uint64_t again_ns = p->kind->look(c, now_ns);
	return p->kind ? again_ns : 0;
}

void pending_abandon(struct client *c)
{
	struct pending *p = &c->session.pending;
	if (p->kind && p->kind->abandon)
		p->kind->abandon(c);
	*p = (struct pending){0};
}
