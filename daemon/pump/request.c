/* SPDX-License-Identifier: MIT */
#include "daemon/pump/request.h"
#include "daemon/common/version.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "daemon/pump/choice.h"
#include "daemon/pump/close.h"
#include "daemon/pump/control.h"
#include "daemon/pump/flow.h"
#include "daemon/pump/flows.h"
#include "daemon/pump/host.h"
#include "daemon/pump/judge.h"
#include "daemon/pump/open.h"
#include "daemon/pump/order.h"
#include "daemon/pump/queue.h"
#include "daemon/pump/sandbox.h"
#include "daemon/pump/socket.h"
#include "proto/reason.h"
#include "proto/text.h"

static uint32_t on_msg_hello(struct client *c, const struct msg_hello *m, struct answer *a)
{
	if (m->version_min > MSG_VERSION || m->version_max < MSG_VERSION)
		return REASON_VERSION;
	struct report_client_facts facts = {0};
	snprintf(facts.name, sizeof(facts.name), "%.*s", (int)sizeof(m->name), m->name);
	snprintf(facts.sandbox, sizeof(facts.sandbox), "%s", sandbox_said());
	report_client(c->report, &facts);
	c->session.state = MSG_STATE_READY;
	struct msg_hello_reply *r = &a->reply->hello_reply;
	r->version = MSG_VERSION;
	r->page_bytes = (uint32_t)sysconf(_SC_PAGESIZE);
	r->max_area_bytes = c->judged.class->limits.most[ACCOUNT_BYTES];
	r->max_queues = (uint32_t)c->judged.class->limits.most[ACCOUNT_QUEUES];
	r->max_flows = (uint32_t)c->judged.class->limits.most[ACCOUNT_FLOWS];
	snprintf(r->server, sizeof(r->server), "zcrxd %s", zcrxd_version);
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

/* Gives the client a descriptor of the dma-buf that was made. */
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

static uint32_t on_msg_area_add(struct client *c, const struct msg_area_add *m, struct answer *a)
{
	if (m->flags)
		return REASON_UNKNOWN_FLAG;
	if (m->kind == MSG_AREA_UDMABUF && !c->judged.class->udmabuf) {
		answer_say(a, "zcrxd makes no udmabufs for your class: have udmabuf=yes set in "
			      "zcrxd.conf, or /dev/udmabuf opened to you.");
		return REASON_DENIED;
	}
	struct area *area;
	uint32_t reason =
		area_new(&area, c->who.user, a->brought[0], m, choice_area_bytes_most(), a);
	if (reason == REASON_NONE && m->kind == MSG_AREA_UDMABUF)
		reason = area_show(area, a);
	if (reason)
		return reason;
	area->id = ++c->next_id;
	LIST_INSERT_HEAD(&c->areas, area, link);
	a->reply->area_add_reply.area_id = area->id;
	return REASON_NONE;
}

static uint32_t on_msg_area_del(struct client *c, const struct msg_area_del *m, struct answer *a)
{
	struct area *area = area_find(c, m->area_id);
	(void)a;
	if (!area)
		return REASON_NO_OBJECT;
	if (area->in_use)
		return REASON_BUSY;
	LIST_REMOVE(area, link);
	area_free(area);
	return REASON_NONE;
}

static uint32_t on_msg_queue_open(struct client *c, const struct msg_queue_open *m,
				  struct answer *a)
{
	return open_queue(c, area_find(c, m->area_id), m, a);
}

static uint32_t on_msg_queue_close(struct client *c, const struct msg_queue_close *m,
				   struct answer *a)
{
	(void)a;
	return close_queue(c, m);
}

/* A listener needs the queue's second ring. */
static uint64_t adopt_look(struct queue *q, struct order *o, uint64_t now_ns)
{
	(void)now_ns;
	if (queue_is_closing(q))
		return order_finish(q, o, REASON_NO_OBJECT);
	if (o->flow->listener && control_open(q) < 0)
		return order_finish(q, o, REASON_DAEMON_LIMIT);
	host_reply(o->flow, &o->answer);
	return host_begin(q, o);
}

static uint32_t on_msg_flow_adopt(struct client *c, const struct msg_flow_adopt *m,
				  struct answer *a)
{
	if (m->flags & ~MSG_FLOW_LISTEN)
		return REASON_UNKNOWN_FLAG;
	struct queue *q = queue_find(c, m->queue_id);
	if (!q)
		return REASON_NO_OBJECT;
	uint32_t reason = socket_check(a->brought[0], m->flags & MSG_FLOW_LISTEN);
	if (reason)
		return reason;
	uint64_t cookie = socket_cookie(a->brought[0]);
	if (flows_have(c, cookie)) /* two flows would tear the stream apart */
		return REASON_SOCKET_TAKEN;
	struct flow *f;
	reason = flow_new(&f, q, a->brought[0], a);
	if (reason)
		return reason;
	a->brought[0] = -1;
	flow_identify(f, cookie);
	reason = m->flags & MSG_FLOW_LISTEN ? flow_listen(f, a) : REASON_NONE;
	if (reason) {
		flow_discard(f);
		return reason;
	}
	struct order *o = order_begin(c, &m->hdr);
	o->look = adopt_look;
	o->flow = f;
	return order_give(q, o);
}

static uint64_t pause_look(struct queue *q, struct order *o, uint64_t now_ns)
{
	const struct msg_flow_pause *m = &o->request.pause;
	struct flow *f = flow_find_known(q, m->flow_id);
	(void)now_ns;
	if (!f)
		return order_finish(q, o, REASON_NO_OBJECT);
	if (m->on > 1)
		return order_finish(q, o, REASON_VALUE);
	flow_pause(f, m->on);
	return order_finish(q, o, REASON_NONE);
}

static uint32_t on_msg_flow_pause(struct client *c, const struct msg_flow_pause *m,
				  struct answer *a)
{
	struct queue *q = flow_owner(c, m->flow_id);
	(void)a;
	if (!q)
		return REASON_NO_OBJECT;
	struct order *o = order_begin(c, &m->hdr);
	o->look = pause_look;
	o->request.pause = *m;
	return order_give(q, o);
}

static uint32_t on_msg_flow_close(struct client *c, const struct msg_flow_close *m,
				  struct answer *a)
{
	(void)a;
	return close_flow(c, m);
}

static uint32_t on_msg_flow_host(struct client *c, const struct msg_flow_host *m, struct answer *a)
{
	struct queue *q = queue_find(c, m->queue_id);
	return q ? host_open(q, m, a) : REASON_NO_OBJECT;
}

static bool makes_new(uint16_t type)
{
	return type == MSG_AREA_ADD || type == MSG_QUEUE_OPEN || type == MSG_FLOW_ADOPT ||
	       type == MSG_FLOW_HOST;
}

uint32_t request_handle(struct client *c, const union msg_any *m, struct answer *a)
{
	uint32_t reason = makes_new(m->hdr.type) ? judge_new(c, a) : REASON_NONE;
	if (reason)
		return reason;
	switch (m->hdr.type) {
#define X(name, number, request, ...) \
	case number:                  \
		return on_##request(c, (const void *)m, a);
		MSG_REQUESTS(X)
#undef X
	default:
		return REASON_UNKNOWN_REQUEST;
	}
}
