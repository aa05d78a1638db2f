/* SPDX-License-Identifier: MIT */
#include "daemon/pump/host.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>

#include "base/clock.h"
#include "daemon/grant/files.h"
#include "daemon/grant/hosted.h"
#include "daemon/pump/control.h"
#include "daemon/pump/flow.h"
#include "daemon/pump/flows.h"
#include "daemon/pump/judge.h"
#include "daemon/pump/order.h"
#include "daemon/pump/socket.h"
#include "daemon/pump/steer.h"
#include "proto/addr.h"
#include "proto/reason.h"

#define CONNECT_MS_DEFAULT 30000u
#define TRIES_MAX          4

void host_reply(struct flow *f, struct answer *a)
{
	addr_of_socket(f->sock, &f->local, &f->remote);
	a->reply->flow_reply.flow_id = f->id;
	a->reply->flow_reply.local = f->local;
	a->reply->flow_reply.remote = f->remote;
}

/* Gives the client a duplicate of the socket; the flow keeps its own descriptor. */
static uint32_t hand_out(struct flow *f, struct answer *a)
{
	if (f->receive_only)
		return REASON_NONE;
	a->fds[0] = fcntl(f->sock, F_DUPFD_CLOEXEC, 0);
	if (a->fds[0] < 0)
		return REASON_DAEMON_LIMIT;
	a->nfds = 1;
	return REASON_NONE;
}

static const char *sentence(int error)
{
	switch (error) {
	case -EADDRINUSE:
		return "The port is in use; choose another or stop who listens there.";
	case -ECONNREFUSED:
		return "Nobody listens at that address and port.";
	case -EDQUOT:
		return "Of sockets of zcrxd's network namespace as many are open for your user as "
		       "it may have flows or listeners: close some, also duplicates of them.";
	case -ENOSPC:
		return FILES_TOO_MANY;
	case -ETIMEDOUT:
		return "The peer did not answer in time.";
	case -ECONNABORTED:
		return "zcrxd ended while it made the connection; ask for it again.";
	case -ENETUNREACH:
	case -EHOSTUNREACH:
		return "There is no route to that address.";
	default:
		return strerrordesc_np(-error);
	}
}

static uint32_t refuse(struct answer *a, int error)
{
	a->error = error;
	answer_say(a, "%s", sentence(a->error));
	return REASON_NETWORK;
}

/* If the queue closes, the flow goes with it. */
static uint64_t rules_look(struct queue *q, struct order *o, uint64_t now_ns)
{
	const struct flow *f = flow_find(q, o->flow_id);
	(void)now_ns;
	if (!f)
		return order_finish(q, o, REASON_NO_OBJECT);
	if (f->awaits_rules || queue_is_closing(q))
		return LOOP_FOREVER;
	return order_finish(q, o, REASON_NONE);
}

uint64_t host_begin(struct queue *q, struct order *o)
{
	struct flow *f = o->flow;
	o->flow = NULL;
	o->flow_id = f->id;
	o->look = rules_look;
	flow_open(f);
	return rules_look(q, o, 0);
}

static uint64_t listener_begin(struct queue *q, struct order *o)
{
	if (control_open(q) < 0)
		return order_finish(q, o, REASON_DAEMON_LIMIT);
	host_reply(o->flow, &o->answer);
	uint32_t reason = hand_out(o->flow, &o->answer);
	return reason ? order_finish(q, o, reason) : host_begin(q, o);
}

/* The flow, which the client never knows, stays until its rules are gone. */
static void unconnected(struct order *o)
{
	struct flow *f = o->flow;
	if (!f->steering && !f->leaving)
		return;
	o->flow = NULL;
	flows_link(f);
	flow_close(f, true);
}

/* What to answer, with the socket unless the flow is receive-only. */
static uint64_t connected(struct queue *q, struct order *o, int result)
{
	struct flow *f = o->flow;
	uint32_t reason = REASON_NONE;
	f->sock = result < 0 ? -1 : result;
	if (queue_is_closing(q))
		reason = REASON_NO_OBJECT;
	else if (result < 0)
		reason = refuse(&o->answer, result);
	else
		reason = hand_out(f, &o->answer);
	if (reason) {
		unconnected(o);
		return order_finish(q, o, reason);
	}
	flow_identify(f, socket_cookie(f->sock));
	host_reply(f, &o->answer);
	return host_begin(q, o);
}

/* The turn that follows looks. */
static void has_news(void *owner, uint32_t events)
{
	(void)owner;
	(void)events;
}

/* Begins to connect. Returns the connected socket, -EINPROGRESS or another negative errno. */
static int connect_begin(struct queue *q, struct order *o)
{
	struct connecting *w = &o->connecting;
	uint32_t events;
	int sock = hosted_connect(o->hosted);
	if (sock != -EINPROGRESS)
		return sock;
	w->has_begun = true;
	w->source = (struct source){has_news, NULL};
	int fd = hosted_waits_for(o->hosted, &events);
	int r = loop_watch(&q->loop, fd, events | EPOLLET, &w->source);
	return r < 0 ? r : -EINPROGRESS;
}

/* Its rule stands before its first packet. */
static int connect_go_on(struct queue *q, struct order *o)
{
	if (queue_is_closing(q)) /* that ends the connecting of its flow */
		return -ECANCELED;
	if (o->flow->awaits_rules)
		return -EINPROGRESS;
	return o->connecting.has_begun ? hosted_connect(o->hosted) : connect_begin(q, o);
}

static uint64_t connect_look(struct queue *q, struct order *o, uint64_t now_ns)
{
	const struct connecting *w = &o->connecting;
	uint32_t events;
	int fd = hosted_waits_for(o->hosted, &events); /* which may be its socket's */
	int result = connect_go_on(q, o);
	if (result == -EINPROGRESS && now_ns < w->until_ns)
		return w->until_ns;
	if (w->has_begun)
		loop_unwatch(&q->loop, fd);
	o->hosted = hosted_free(o->hosted);
	return connected(q, o, result == -EINPROGRESS ? -ETIMEDOUT : result);
}

static uint64_t host_look(struct queue *q, struct order *o, uint64_t now_ns)
{
	const struct msg_flow_host *m = &o->request.host;
	uint32_t ms = m->timeout_ms ? m->timeout_ms : CONNECT_MS_DEFAULT;
	if (queue_is_closing(q))
		return order_finish(q, o, REASON_NO_OBJECT);
	if (o->flow->listener)
		return listener_begin(q, o);
	o->connecting = (struct connecting){.until_ns = now_ns + ms * NS_A_MS};
	o->look = connect_look;
	steer_ahead(o->flow, o->hosted, &m->remote);
	return connect_look(q, o, now_ns);
}

/* Has the broker open the flow's socket; if it is to be connected *ret_hosted is that. */
static uint32_t socket_open(struct flow *f, struct hosted **ret_hosted,
			    const struct msg_flow_host *m, struct answer *a)
{
	if (!(m->flags & MSG_FLOW_LISTEN)) {
		bool steers = f->queue->backend_number != MSG_BACKEND_COPY;
		int r = hosted_open(ret_hosted, m, steers);
		return r < 0 ? refuse(a, r) : REASON_NONE;
	}
	uint32_t reason = flow_listen(f, a);
	if (reason)
		return reason;
	f->sock = hosted_listen(m, NULL);
	if (f->sock < 0)
		return refuse(a, f->sock);
	flow_identify(f, socket_cookie(f->sock));
	return REASON_NONE;
}

/*
 * The broker opens one socket for each flow that is charged, and takes it that a flow has gone with
 * its socket when it is released. If the queue's thread releases another flow between this one's
 * charge and its socket, the broker counts one socket too many, until this one is released as well:
 * so whoever is refused for that tries again.
 */
static uint32_t flow_make_hosted(struct flow **ret, struct hosted **ret_hosted, struct queue *q,
				 const struct msg_flow_host *m, struct answer *a)
{
	struct flow *f;
	a->error = 0;
	uint32_t reason = flow_new(&f, q, -1, a);
	if (reason)
		return reason;
	f->receive_only = m->flags & MSG_FLOW_RECEIVE_ONLY;
	reason = socket_open(f, ret_hosted, m, a);
	if (reason)
		flow_discard(f);
	else
		*ret = f;
	return reason;
}

uint32_t host_open(struct queue *q, const struct msg_flow_host *m, struct answer *a)
{
	bool listening = m->flags & MSG_FLOW_LISTEN;
	const struct msg_addr *main = listening ? &m->local : &m->remote;
	if (m->flags & ~(MSG_FLOW_LISTEN | MSG_FLOW_RECEIVE_ONLY))
		return REASON_UNKNOWN_FLAG;
	if ((main->family != 4 && main->family != 6) ||
	    (m->local.family && m->local.family != main->family) || (listening && m->remote.family))
		return REASON_VALUE;
	if (!listening && !addr_reaches(&m->local, &m->remote))
		return REASON_VALUE;
	uint32_t reason = judge_flow(q->client, m, a);
	if (reason)
		return reason;
	struct flow *f;
	struct hosted *hosted = NULL;
	for (int tries = 0; (reason = flow_make_hosted(&f, &hosted, q, m, a)) != 0; tries++)
		if (reason != REASON_NETWORK || a->error != -EDQUOT || tries == TRIES_MAX)
			return reason;
	struct order *o = order_begin(q->client, &m->hdr);
	o->look = host_look;
	o->request.host = *m;
	o->flow = f;
	o->hosted = hosted;
	return order_give(q, o);
}
