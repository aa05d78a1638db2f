/* SPDX-License-Identifier: MIT */
#include "request.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#include "../proto/reason.h"
#include "flow.h"
#include "flows.h"
#include "host.h"
#include "judge.h"
#include "lease.h"
#include "queue.h"
#include "side.h"
#include "socket.h"
#include "util.h"

#define CQ_ENTRIES_DEFAULT 1024u
#define CQ_ENTRIES_LEAST   URING_SQ_ENTRIES /* the kernel wants no fewer */
#define ENTRIES_MOST       32768u
#define BUFFER_BYTES_MOST  (1u << 30)

static uint32_t hello(struct client *c, const struct msg_hello *m, struct answer *a)
{
	if (m->version_min > MSG_VERSION || m->version_max < MSG_VERSION)
		return REASON_VERSION;
	pthread_mutex_lock(&c->lock);
	for (size_t i = 0; i + 1 < sizeof(c->session.name) && m->name[i]; i++)
		c->session.name[i] = (char)(isprint((unsigned char)m->name[i]) ? m->name[i] : '?');
	pthread_mutex_unlock(&c->lock);
	c->session.state = MSG_STATE_READY;
	struct msg_hello_reply *r = &a->reply->hello_reply;
	r->version = MSG_VERSION;
	r->page_bytes = (uint32_t)sysconf(_SC_PAGESIZE);
	r->max_area_bytes = c->class->limits.most[ACCOUNT_BYTES];
	r->max_queues = (uint32_t)c->class->limits.most[ACCOUNT_QUEUES];
	r->max_flows = (uint32_t)c->class->limits.most[ACCOUNT_FLOWS];
	snprintf(r->server, sizeof(r->server), "zcrxd %s", ZCRXD_VERSION);
	return REASON_NONE;
}

static struct area *area_find(struct client *c, uint32_t id)
{
	struct area *a;
	LIST_FOREACH (a, &c->areas, link)
		if (a->id == id)
			return a;
	return NULL;
}

/* The dma-buf that was made, for the client. */
static uint32_t area_show(struct area *area, struct answer *a)
{
	a->fds[0] = fcntl(area->dmabuf, F_DUPFD_CLOEXEC, 0);
	if (a->fds[0] < 0) {
		area_free(area);
		return REASON_DAEMON_LIMIT;
	}
	a->nfds = 1;
	return REASON_NONE;
}

static uint32_t area_add(struct client *c, const struct msg_area_add *m, const int *fds,
			 struct answer *a)
{
	if (m->flags)
		return REASON_UNKNOWN_FLAG;
	if (m->kind == MSG_AREA_UDMABUF && !c->class->udmabuf) {
		a->text = "zcrxd makes no udmabufs for your class: have udmabuf=yes set in "
			  "zcrxd.conf, or /dev/udmabuf opened to you.";
		return REASON_DENIED;
	}
	struct area *area;
	uint32_t reason;
	if (account_charge(c->who.peer, ACCOUNT_AREAS, 1) < 0)
		return REASON_QUOTA;
	int r = area_new(&area, c->who.peer, fds[0], m->kind, m->length, &reason);
	if (r == 0)
		reason = m->kind == MSG_AREA_UDMABUF ? area_show(area, a) : REASON_NONE;
	if (r < 0 && reason == REASON_KERNEL) {
		a->error = r;
		a->text = "zcrxd can make no udmabuf of this length: see zcrxd.conf(5) for what it "
			  "needs.";
	}
	if (reason) {
		account_release(c->who.peer, ACCOUNT_AREAS, 1);
		return reason;
	}
	pthread_mutex_lock(&c->lock);
	area->id = ++c->next_id;
	LIST_INSERT_HEAD(&c->areas, area, link);
	pthread_mutex_unlock(&c->lock);
	a->reply->area_add_reply.area_id = area->id;
	return REASON_NONE;
}

static uint32_t area_del(struct client *c, const struct msg_area_del *m)
{
	struct area *area = area_find(c, m->area_id);
	if (!area)
		return REASON_NO_OBJECT;
	if (area->in_use)
		return REASON_BUSY;
	pthread_mutex_lock(&c->lock);
	LIST_REMOVE(area, link);
	pthread_mutex_unlock(&c->lock);
	area_free(area);
	account_release(c->who.peer, ACCOUNT_AREAS, 1);
	return REASON_NONE;
}

static uint32_t wish_check(const struct msg_queue_open *m)
{
	if (m->flags & ~MSG_QUEUE_NO_COPY)
		return REASON_UNKNOWN_FLAG;
	if (m->backend > MSG_BACKEND_ZCRX || m->cq_entries > ENTRIES_MOST ||
	    m->rq_entries > ENTRIES_MOST || m->buffer_bytes > BUFFER_BYTES_MOST ||
	    m->rx_queues > LEASE_QUEUES_MOST || memchr(m->nic, '\0', sizeof(m->nic)) == NULL)
		return REASON_VALUE;
	return REASON_NONE;
}

/* The sizes that go with the backend. */
static uint32_t wish_size(struct queue_wish *w, const struct msg_queue_open *m, struct answer *a)
{
	w->buffer_bytes = w->backend->buffer_bytes(w->area->bytes, m->buffer_bytes);
	if (w->buffer_bytes > w->area->bytes) {
		a->text =
			"The area is smaller than one buffer; make it larger or ask for smaller buffers.";
		return REASON_VALUE;
	}
	uint32_t cq = m->cq_entries ? m->cq_entries : CQ_ENTRIES_DEFAULT;
	uint32_t rq = w->backend->refills((uint32_t)(w->area->bytes / w->buffer_bytes));
	rq = m->rq_entries > rq ? m->rq_entries : rq;
	w->cq_entries = round_up_pow2(cq < CQ_ENTRIES_LEAST ? CQ_ENTRIES_LEAST : cq);
	w->rq_entries = round_up_pow2(rq > ENTRIES_MOST ? ENTRIES_MOST : rq);
	return REASON_NONE;
}

/* Opens it; a lease is used up either way. */
static uint32_t open_sized(struct queue **ret, struct client *c, struct queue_wish *w,
			   int *ret_channel, struct answer *a)
{
	uint32_t reason;
	a->error = queue_new(ret, c, w, ret_channel, &reason);
	w->lease = NULL;
	return a->error < 0 ? reason : REASON_NONE;
}

static void kernel_refused(struct answer *a, const struct queue_wish *w, const char *nic,
			   uint32_t rxq)
{
	if (a->error == -EEXIST || a->error == -EBUSY)
		snprintf(a->text_room, sizeof(a->text_room),
			 "Another program holds queue %u of %s; zcrxctl doctor %s says which.", rxq,
			 nic, nic);
	else
		snprintf(a->text_room, sizeof(a->text_room),
			 "The kernel refused %s on queue %u of %s: %s. See zcrxctl doctor.",
			 w->backend->name, rxq, nic, strerrordesc_np(-a->error));
	a->text = a->text_room;
}

/* What the backend cannot, whatever the NIC can; NULL if nothing. */
static const char *cannot(const struct queue_wish *w, const struct msg_queue_open *m)
{
	if (w->backend == &backend_zcrx && m->rx_queues > 1)
		return "The backend zcrx receives on one hardware queue; ask for one, or for devmem.";
	if (w->backend == &backend_devmem && w->area->dmabuf < 0)
		return "The backend devmem receives into dma-bufs only; bring one.";
	return NULL;
}

/* By a backend that takes hardware queues, if there are any and it works. */
static uint32_t open_leased(struct queue **ret, struct client *c, struct queue_wish *w,
			    const struct backend *backend, const struct msg_queue_open *m,
			    int *ret_channel, struct answer *a)
{
	uint32_t ifindex, n;
	const uint32_t *rxqs;
	w->backend = backend;
	a->text = cannot(w, m);
	if (a->text)
		return REASON_BACKEND;
	uint32_t reason = judge_backend(c, backend->number, a);
	if (reason == REASON_NONE)
		reason = wish_size(w, m, a);
	if (reason)
		return reason;
	int r = lease_take(&w->lease, c->class, m->nic, m->rx_queues ? m->rx_queues : 1,
			   a->text_room);
	if (r < 0) {
		a->text = a->text_room;
		return r == -EACCES ? REASON_DENIED : REASON_BACKEND;
	}
	const char *nic = lease_name(w->lease);
	lease_where(w->lease, &ifindex, &rxqs, &n);
	uint32_t rxq = rxqs[0];
	reason = open_sized(ret, c, w, ret_channel, a);
	if (reason == REASON_KERNEL)
		kernel_refused(a, w, nic, rxq);
	return reason;
}

static uint32_t open_copy(struct queue **ret, struct client *c, struct queue_wish *w,
			  const struct msg_queue_open *m, int *ret_channel, struct answer *a)
{
	if (!w->area->base)
		return REASON_AREA_KIND; /* and why not better, as it was said */
	w->backend = &backend_copy;
	a->text = NULL;
	uint32_t reason = judge_backend(c, MSG_BACKEND_COPY, a);
	if (reason == REASON_NONE)
		reason = wish_size(w, m, a);
	return reason ? reason : open_sized(ret, c, w, ret_channel, a);
}

/* The reasons of all backends that were tried, but none twice. */
static void why_not(struct queue_wish *w, const struct backend *backend, const char *text)
{
	size_t used = strlen(w->why_not);
	if (backend == &backend_devmem && w->area->dmabuf < 0)
		return; /* nobody expected it */
	if (used == 0)
		snprintf(w->why_not, sizeof(w->why_not), "%s", text);
	else if (strcmp(w->why_not, text) != 0)
		snprintf(w->why_not + used, sizeof(w->why_not) - used, " %s", text);
}

static uint32_t queue_make(struct queue **ret, struct client *c, const struct msg_queue_open *m,
			   int *ret_channel, struct answer *a)
{
	struct queue_wish w = {.area = area_find(c, m->area_id)};
	static const struct backend *const best[] = {&backend_zcrx, &backend_devmem};
	bool copy = !(m->flags & MSG_QUEUE_NO_COPY);
	if (!w.area)
		return REASON_NO_OBJECT;
	if (w.area->in_use)
		return REASON_BUSY;
	if (m->backend == MSG_BACKEND_COPY)
		return copy ? open_copy(ret, c, &w, m, ret_channel, a) : REASON_BACKEND;
	uint32_t reason = REASON_NONE;
	for (size_t i = 0; i < ARRAY_LENGTH(best); i++) {
		if (m->backend && m->backend != best[i]->number)
			continue;
		reason = open_leased(ret, c, &w, best[i], m, ret_channel, a);
		if (reason == REASON_NONE || reason == REASON_QUOTA || m->backend)
			return reason;
		why_not(&w, best[i], a->text ? a->text : reason_text(reason));
	}
	if (copy)
		reason = open_copy(ret, c, &w, m, ret_channel, a);
	if (*w.why_not && (!copy || reason == REASON_AREA_KIND)) {
		snprintf(a->text_room, sizeof(a->text_room), "%s", w.why_not);
		a->text = a->text_room;
	}
	return reason;
}

static uint32_t queue_open(struct client *c, const struct msg_queue_open *m, struct answer *a)
{
	struct queue *q;
	int channel;
	uint32_t reason = wish_check(m);
	if (reason == REASON_NONE)
		reason = queue_make(&q, c, m, &channel, a);
	if (reason)
		return reason;
	struct msg_queue_open_reply *reply = &a->reply->queue_open_reply;
	reply->queue_id = q->id;
	reply->backend = q->backend->number;
	reply->format = q->backend->format;
	reply->buffer_bytes = q->buffer_bytes;
	if (q->lease) {
		const uint32_t *rxqs;
		uint32_t n;
		lease_where(q->lease, &reply->ifindex, &rxqs, &n);
		reply->rxq = rxqs[0];
	}
	reply->area_token = q->token;
	reply->rings = q->rings.layout;
	reply->why_not = *q->why_not ? REASON_BACKEND : REASON_NONE;
	snprintf(reply->why_text, sizeof(reply->why_text), "%s", q->why_not);
	a->fds[0] = rings_cq_readonly(&q->rings);
	a->fds[1] = rings_rq_duplicate(&q->rings);
	a->fds[2] = channel;
	a->nfds = 3;
	if (q->side)
		a->fds[a->nfds++] = side_readonly(q->side);
	if (a->fds[0] >= 0 && a->fds[1] >= 0 && a->fds[a->nfds - 1] >= 0)
		return REASON_NONE;
	queue_close(q);
	return REASON_DAEMON_LIMIT;
}

static struct queue *queue_find(struct client *c, uint32_t id)
{
	struct queue *q;
	TAILQ_FOREACH (q, &c->queues, link)
		if (q->id == id && !q->closing)
			return q;
	return NULL;
}

static uint32_t queue_shut(struct client *c, const struct msg_queue_close *m)
{
	struct queue *q = queue_find(c, m->queue_id);
	if (!q)
		return REASON_NO_OBJECT;
	q->reply = true;
	queue_close(q);
	return REQUEST_PENDING;
}

/* One socket, one flow: two of them would tear the stream apart. */
static bool taken(struct client *c, uint64_t cookie)
{
	for (uint32_t i = 0; i < c->slot_count; i++) {
		const struct flow *f = c->slots[i].flow;
		if (f && f->sock >= 0 && f->cookie == cookie)
			return true;
	}
	return false;
}

static uint32_t flow_adopt(struct client *c, const struct msg_flow_adopt *m, int *fds,
			   struct answer *a)
{
	if (m->flags & ~MSG_FLOW_LISTEN)
		return REASON_UNKNOWN_FLAG;
	struct queue *q = queue_find(c, m->queue_id);
	if (!q)
		return REASON_NO_OBJECT;
	bool listener = m->flags & MSG_FLOW_LISTEN;
	uint32_t reason = socket_check(fds[0], listener);
	if (reason)
		return reason;
	uint64_t cookie = socket_cookie(fds[0]);
	if (taken(c, cookie))
		return REASON_SOCKET_TAKEN;
	struct flow *f;
	int r = flow_new(&f, q, fds[0]);
	if (r < 0)
		return r == -EDQUOT ? REASON_QUOTA : REASON_DAEMON_LIMIT;
	fds[0] = -1;
	f->cookie = cookie;
	if (listener && flow_listen(f) < 0) {
		flow_discard(f);
		return REASON_QUOTA;
	}
	host_reply(f, a);
	flow_open(f);
	return REASON_NONE;
}

static struct flow *flow_wanted(struct client *c, uint32_t id)
{
	struct flow *f = flow_find(c, id);
	return f && !f->closing && f->state != FLOW_OPENING ? f : NULL;
}

static uint32_t flow_hold(struct client *c, const struct msg_flow_pause *m)
{
	struct flow *f = flow_wanted(c, m->flow_id);
	if (!f)
		return REASON_NO_OBJECT;
	if (m->on > 1)
		return REASON_VALUE;
	flow_pause(f, m->on);
	return REASON_NONE;
}

static uint32_t flow_shut(struct client *c, const struct msg_flow_close *m)
{
	struct flow *f = flow_wanted(c, m->flow_id);
	if (m->flags & ~MSG_CLOSE_ABORT)
		return REASON_UNKNOWN_FLAG;
	if (!f)
		return REASON_NO_OBJECT;
	flow_close(f, m->flags & MSG_CLOSE_ABORT);
	return REASON_NONE;
}

static bool makes_new(uint16_t type)
{
	return type == MSG_AREA_ADD || type == MSG_QUEUE_OPEN || type == MSG_FLOW_ADOPT ||
	       type == MSG_FLOW_HOST;
}

uint32_t request_handle(struct client *c, const union msg_any *m, int *fds, struct answer *a)
{
	uint32_t reason = makes_new(m->hdr.type) ? judge_new(c, a) : REASON_NONE;
	if (reason)
		return reason;
	switch (m->hdr.type) {
	case MSG_HELLO:
		return hello(c, &m->hello, a);
	case MSG_AREA_ADD:
		return area_add(c, &m->area_add, fds, a);
	case MSG_AREA_DEL:
		return area_del(c, &m->area_del);
	case MSG_QUEUE_OPEN:
		return queue_open(c, &m->queue_open, a);
	case MSG_QUEUE_CLOSE:
		return queue_shut(c, &m->queue_close);
	case MSG_FLOW_ADOPT:
		return flow_adopt(c, &m->flow_adopt, fds, a);
	case MSG_FLOW_HOST: {
		struct queue *q = queue_find(c, m->flow_host.queue_id);
		return q ? host_open(q, &m->flow_host, a) : REASON_NO_OBJECT;
	}
	case MSG_FLOW_PAUSE:
		return flow_hold(c, &m->flow_pause);
	case MSG_FLOW_CLOSE:
		return flow_shut(c, &m->flow_close);
	default:
		return REASON_UNKNOWN_REQUEST;
	}
}

uint32_t request_reply_bytes(uint16_t type)
{
	switch (type) {
#define X(name, number, request, reply, fds_min, fds_max, state) \
	case number:                                             \
		return sizeof(struct reply);
		MSG_TABLE(X)
#undef X
	default:
		return sizeof(struct msg_ok);
	}
}
