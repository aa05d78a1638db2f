// SPDX-License-Identifier: MIT
/* A queue's shared memory and channel, from the client's side. */
#include <errno.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "proto/reason.h"
#include "proto/wire.h"
#include "tests/fuzz/hostile.h"

/* The start of an entry in the CQ (docs/protocol.md, 8). */
struct entry {
	uint64_t user_data;
	int32_t res;
	uint32_t flags;
};

enum {
	ENTRY_BUFFER = 1,
	ENTRY_BUFFER_SHIFT = 16
};

static void *map(int fd, uint32_t bytes, int prot)
{
	void *at = mmap(NULL, bytes, prot, MAP_SHARED, fd, 0);
	MUST(at != MAP_FAILED);
	return at;
}

static void view_drop(struct view *v)
{
	if (!v->cq)
		return;
	munmap(v->cq, v->layout.cq_map_bytes);
	munmap(v->rq, v->layout.rq_map_bytes);
	wire_close(v->fds, 3);
	*v = (struct view){0};
}

void view_add(struct hostile *h, const struct msg_queue_open_reply *m, const int fds[3])
{
	struct view *v = &h->views[h->view_count++ % KEEP_VIEWS];
	view_drop(v);
	*v = (struct view){
		.id = m->queue_id,
		.fds = {fds[0], fds[1], fds[2]},
		.cq = map(fds[0], m->rings.cq_map_bytes, PROT_READ),
		.rq = map(fds[1], m->rings.rq_map_bytes, PROT_READ | PROT_WRITE),
		.layout = m->rings,
		.buffer_bytes = m->buffer_bytes,
		.buffers = (uint32_t)(h->area_bytes / m->buffer_bytes),
	};
}

void views_drop(struct hostile *h)
{
	for (uint32_t i = 0; i < KEEP_VIEWS; i++)
		view_drop(&h->views[i]);
}

struct view *view_pick(struct hostile *h, uint32_t number)
{
	uint32_t n = h->view_count < KEEP_VIEWS ? h->view_count : KEEP_VIEWS;
	return n ? &h->views[number % n] : NULL;
}

void view_ends(struct hostile *h, uint32_t queue_id)
{
	for (uint32_t i = 0; i < KEEP_VIEWS; i++)
		if (h->views[i].id == queue_id)
			h->views[i].lied = true;
}

static void event_take(struct hostile *h, struct view *v, const union msg_any *m, int *fd)
{
	switch (m->hdr.type) {
	case MSG_FLOW_OPENED:
		MUST(m->flow_opened.queue_id == v->id && m->flow_opened.flow_id != 0);
		list_add(&h->flows, m->flow_opened.flow_id);
		if (*fd >= 0 && fd_keep(h, *fd) >= 0)
			list_add(&h->socks, (uint32_t)*fd);
		*fd = -1;
		break;
	case MSG_FLOW_CLOSED:
		MUST(m->flow_closed.queue_id == v->id && m->flow_closed.flow_id != 0);
		MUST(m->flow_closed.error <= 0 && reason_text(m->flow_closed.reason)[0]);
		MUST(memchr(m->flow_closed.text, '\0', sizeof(m->flow_closed.text)));
		break;
	default:
		MUST(m->hdr.type == MSG_QUEUE_LOST && m->queue_lost.queue_id == v->id);
		MUST(m->queue_lost.error < 0);
		v->lied = true;
	}
}

void channel_drain(struct hostile *h, struct view *v)
{
	union msg_any m;
	int fds[MSG_FDS_MAX] = {-1, -1, -1, -1}, len;
	uint32_t nfds, reason;
	while ((len = wire_recv(v->fds[2], &m, fds, &nfds, MSG_DONTWAIT)) > 0) {
		if (len > 1) {
			MUST(msg_check(&m, (uint32_t)len, nfds, MSG_STATE_EVENT, &reason) == 0);
			event_take(h, v, &m, &fds[0]);
		}
		wire_close(fds, nfds);
		fds[0] = -1;
	}
	MUST(len == 0 || len == -EAGAIN || len == -EBADF || len == -ECONNRESET);
	if (len == 0)
		v->lied = true;
}

void kick(const struct view *v)
{
	send(v->fds[2], "", 1, MSG_DONTWAIT | MSG_NOSIGNAL);
}

void refill(struct view *v, uint32_t buffer)
{
	struct ring_rqe *entries = (void *)(v->rq + v->layout.rq_rqes);
	uint32_t *tail = (void *)(v->rq + v->layout.rq_tail);
	entries[v->refill++ & (v->layout.rq_entries - 1)] =
		(struct ring_rqe){.off = (uint64_t)buffer * v->buffer_bytes};
	ring_store(tail, v->refill);
}

static void entry_take(struct view *v, const struct entry *e)
{
	if (e->res <= 0)
		return;
	uint32_t buffer = e->flags >> ENTRY_BUFFER_SHIFT;
	MUST(e->flags & ENTRY_BUFFER && (uint32_t)e->res <= v->buffer_bytes);
	MUST(e->user_data != 0 && e->user_data <= UINT32_MAX);
	refill(v, buffer);
}

void consume(struct view *v)
{
	const struct entry *entries = (const void *)(v->cq + v->layout.cq_cqes);
	uint32_t tail = ring_load((void *)(v->cq + v->layout.cq_tail));
	for (; !v->lied && v->head != tail; v->head++)
		entry_take(v, &entries[v->head & (v->layout.cq_entries - 1)]);
	ring_store(&client_page(v)->cq_head, v->head);
	ring_barrier();
	const struct ring_daemon *d = (const void *)(v->cq + v->layout.daemon_page);
	if (ring_load(&d->kick))
		kick(v);
}
