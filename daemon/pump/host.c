/* SPDX-License-Identifier: MIT */
#include "daemon/pump/host.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#include "base/fd.h"
#include "daemon/grant/hosted.h"
#include "daemon/pump/control.h"
#include "daemon/pump/flow.h"
#include "daemon/pump/flows.h"
#include "daemon/pump/judge.h"
#include "daemon/pump/pending.h"
#include "daemon/pump/reply.h"
#include "daemon/pump/socket.h"
#include "daemon/pump/steer.h"
#include "proto/reason.h"

#define CONNECT_MS_DEFAULT 30000u

static const struct pending_kind connecting;

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
	case -ENETUNREACH:
	case -EHOSTUNREACH:
		return "There is no route to that address.";
	default:
		return strerrordesc_np(-error);
	}
}

static uint32_t refuse(struct answer *a, int error)
{
	a->error = error == -ECANCELED ? -ETIMEDOUT : error;
	answer_say(a, "%s", sentence(a->error));
	return REASON_NETWORK;
}

static uint32_t listener_open(struct flow *f, struct answer *a)
{
	if (flow_listen(f) < 0) {
		flow_discard(f);
		return REASON_QUOTA;
	}
	flow_identify(f, socket_cookie(f->sock));
	host_reply(f, a);
	uint32_t reason = hand_out(f, a);
	if (reason) {
		flow_discard(f);
		return reason;
	}
	flow_open(f);
	return REASON_NONE;
}

/* Before the first packet, if it can be known by then what it will look like. */
static void steer_ahead(struct flow *f, const struct msg_flow_host *m)
{
	if (!f->queue->lease)
		return;
	addr_of_socket(f->sock, &f->local, NULL);
	f->remote = m->remote;
	if (!addr_is_any(&f->local))
		steer_start(f);
}

struct flow *host_connecting(struct client *c)
{
	const struct pending *p = &c->session.pending;
	return p->kind == &connecting ? p->connecting.flow : NULL;
}

void host_connected(struct client *c, uint32_t flow_id, int result)
{
	struct connecting *w = &c->session.pending.connecting;
	const struct flow *f = host_connecting(c);
	if (!f || f->id != flow_id || w->is_over)
		return;
	w->is_over = true;
	w->result = result;
}

/* What to answer, with the socket unless the flow is receive-only. */
static uint32_t connected(struct flow *f, int result, struct answer *a)
{
	uint32_t reason = REASON_NONE;
	if (queue_is_closing(f->queue))
		reason = REASON_NO_OBJECT;
	else if (result < 0)
		reason = refuse(a, result);
	else
		reason = hand_out(f, a);
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

static uint64_t look(struct client *c, uint64_t now_ns)
{
	const struct connecting *w = &c->session.pending.connecting;
	(void)now_ns;
	if (!w->is_over)
		return LOOP_FOREVER;
	struct answer a = reply_begin(c);
	pending_finish(c, connected(w->flow, w->result, &a), &a);
	return 0;
}

/* A queue that closes ends the connecting of its flow, so nothing is left to abandon. */
static const struct pending_kind connecting = {.look = look};

static uint32_t connect_start(struct flow *f, const struct msg_flow_host *m)
{
	struct client *c = f->queue->client;
	struct connecting *w = &c->session.pending.connecting;
	uint32_t ms = m->timeout_ms ? m->timeout_ms : CONNECT_MS_DEFAULT;
	pending_begin(c, &m->hdr, &connecting);
	w->flow = f;
	w->time = (struct __kernel_timespec){.tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000LL};
	socklen_t len = addr_to_sockaddr(&m->remote, &w->to);
	steer_ahead(f, m);
	uring_sqes_together(&c->control, 2);
	flow_watch(f, FLOW_WAIT_CONTROL); /* if that fails, the ring's eventfd wakes the thread */
	struct io_uring_sqe *sqe = control_sqe(c, CONTROL_CONNECT, f->id);
	io_uring_prep_connect(sqe, f->sock, (struct sockaddr *)&w->to, len);
	sqe->flags |= IOSQE_IO_LINK;
	sqe = control_sqe(c, CONTROL_IGNORE, 0);
	io_uring_prep_link_timeout(sqe, &w->time, 0);
	return REQUEST_PENDING;
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
	int sock = hosted_open(m, q->lease != NULL);
	if (sock < 0)
		return refuse(a, sock);
	struct flow *f;
	int r = flow_new(&f, q, sock);
	if (r < 0) {
		fd_close(sock);
		return r == -EDQUOT ? REASON_QUOTA : REASON_DAEMON_LIMIT;
	}
	f->receive_only = m->flags & MSG_FLOW_RECEIVE_ONLY;
	return listening ? listener_open(f, a) : connect_start(f, m);
}
