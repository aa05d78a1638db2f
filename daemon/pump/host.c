/* SPDX-License-Identifier: MIT */
#include "daemon/pump/host.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>

#include "base/clock.h"
#include "daemon/grant/hosted.h"
#include "daemon/pump/control.h"
#include "daemon/pump/flow.h"
#include "daemon/pump/flows.h"
#include "daemon/pump/judge.h"
#include "daemon/pump/order.h"
#include "daemon/pump/socket.h"
#include "daemon/pump/steer.h"
#include "proto/reason.h"

#define CONNECT_MS_DEFAULT 30000u

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

static uint32_t listener_open(struct flow *f, const struct msg_flow_host *m, struct answer *a)
{
	uint32_t reason = flow_listen(f, a);
	int sock = reason ? -1 : hosted_listen(m);
	if (sock < 0) {
		flow_discard(f);
		return reason ? reason : refuse(a, sock);
	}
	f->sock = sock;
	flow_identify(f, socket_cookie(f->sock));
	host_reply(f, a);
	reason = hand_out(f, a);
	if (reason) {
		flow_discard(f);
		return reason;
	}
	flow_open(f);
	return REASON_NONE;
}

/* What to answer, with the socket unless the flow is receive-only. */
static uint32_t connected(struct flow *f, int result, struct answer *a)
{
	uint32_t reason = REASON_NONE;
	f->sock = result < 0 ? -1 : result;
	if (queue_is_closing(f->queue))
		reason = REASON_NO_OBJECT;
	else if (result < 0)
		reason = refuse(a, result);
	else
		reason = hand_out(f, a);
	if (reason && f->steering && !queue_is_closing(f->queue)) {
		flows_link(f);
		flow_close(f,
			   true); /* stays until its rule is gone, and the client never knows it */
		return reason;
	}
	if (reason) {
		steer_stop(f);
		flow_discard(f);
		return reason;
	}
	flow_identify(f, socket_cookie(f->sock));
	host_reply(f, a);
	flow_open(f);
	return REASON_NONE;
}

/* A queue that closes ends the connecting of its flow. */
static uint64_t connect_look(struct queue *q, struct order *o, uint64_t now_ns)
{
	const struct connecting *w = &o->connecting;
	uint32_t events;
	int fd = hosted_waits_for(w->hosted, &events); /* which may be its socket's */
	int result = queue_is_closing(q) ? -ECANCELED : hosted_connect(w->hosted);
	if (result == -EINPROGRESS && now_ns < w->until_ns)
		return w->until_ns;
	loop_unwatch(&q->loop, fd);
	hosted_free(w->hosted);
	result = result == -EINPROGRESS ? -ETIMEDOUT : result;
	return order_finish(q, o, connected(w->flow, result, &o->answer));
}

/* The turn that follows looks. */
static void has_news(void *owner, uint32_t events)
{
	(void)owner;
	(void)events;
}

static uint64_t connect_start(struct flow *f, struct order *o, uint64_t now_ns)
{
	struct queue *q = f->queue;
	const struct msg_flow_host *m = &o->request.host;
	struct connecting *w = &o->connecting;
	uint32_t ms = m->timeout_ms ? m->timeout_ms : CONNECT_MS_DEFAULT, events;
	struct hosted *hosted;
	int r = hosted_open(&hosted, m, q->lease != NULL);
	if (r < 0) {
		flow_discard(f);
		return order_finish(q, o, refuse(&o->answer, r));
	}
	steer_ahead(f, hosted, &m->remote);
	r = hosted_connect(hosted);
	int fd = hosted_waits_for(hosted, &events);
	w->source = (struct source){has_news, NULL};
	if (r == -EINPROGRESS)
		r = loop_watch(&q->loop, fd, events | EPOLLET, &w->source);
	if (r != 0) { /* connected, which is no news, or an error */
		hosted_free(hosted);
		return order_finish(q, o, connected(f, r, &o->answer));
	}
	w->flow = f;
	w->hosted = hosted;
	w->until_ns = now_ns + ms * NS_A_MS;
	o->look = connect_look;
	return w->until_ns;
}

static uint64_t host_look(struct queue *q, struct order *o, uint64_t now_ns)
{
	const struct msg_flow_host *m = &o->request.host;
	bool listening = m->flags & MSG_FLOW_LISTEN;
	struct flow *f;
	if (queue_is_closing(q))
		return order_finish(q, o, REASON_NO_OBJECT);
	if (listening && control_open(q) < 0)
		return order_finish(q, o, REASON_DAEMON_LIMIT);
	uint32_t reason = flow_new(&f, q, -1, &o->answer);
	if (reason)
		return order_finish(q, o, reason);
	f->receive_only = m->flags & MSG_FLOW_RECEIVE_ONLY;
	return listening ? order_finish(q, o, listener_open(f, m, &o->answer))
			 : connect_start(f, o, now_ns);
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
	uint32_t reason = judge_flow(q->client, m, a);
	if (reason)
		return reason;
	struct order *o = order_begin(q->client, &m->hdr);
	o->look = host_look;
	o->request.host = *m;
	return order_give(q, o);
}
