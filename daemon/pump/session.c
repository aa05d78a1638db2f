/* SPDX-License-Identifier: MIT */
#include "daemon/pump/session.h"
#include "daemon/grant/account.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>

#include "base/clock.h"
#include "daemon/grant/flight.h"
#include "daemon/grant/log_client.h"
#include "daemon/pump/flow.h"
#include "daemon/pump/flows.h"
#include "daemon/pump/host.h"
#include "daemon/pump/judge.h"
#include "daemon/pump/open.h"
#include "daemon/pump/request.h"
#include "daemon/pump/socket.h"
#include "proto/text.h"
#include "proto/wire.h"

#define REQUESTS_A_TURN 16
#define GIVE_UP_NS      4000000u /* between two tries to give a listener's connections up */
#define SEND_BYTES      16384
#define PATIENCE_NS     5000000000u /* with unread descriptors and further requests; protocol.md */

static void watch(struct client *c, uint32_t events)
{
	loop_rewatch(&c->loop, c->session.sock, events, &c->session.source);
}

/*
 * Sends the reply made. If there is no room for it the client does not read its replies, and is
 * hung up on. Waiting for it could last for ever: its own end may lie among the requests that would
 * not be read meanwhile, and outlive it there. If it is we who are short, it is tried again after a
 * while. The session is held until then, and until the client has read the descriptors it was sent.
 */
static void reply_send(struct client *c)
{
	struct session *s = &c->session;
	int r = flight_send(s->flight, &s->reply.hdr, s->reply_fds);
	s->unsent = r == -EBUSY;
	c->retry |= s->unsent;
	if (s->unsent)
		return watch(c, EPOLLIN | EPOLLET);
	wire_close(s->reply_fds, s->reply.hdr.nfds);
	if (flight_unread(s->flight) > 0)
		watch(c, EPOLLIN | EPOLLOUT | EPOLLET);
	if (r == -EAGAIN)
		log_client(6, c->who.uid, c->who.class, LOG_REPLIES_UNREAD,
			   "client %u (pid %d) does not read its replies: hung up", c->id,
			   (int)c->who.pid);
	if (r < 0)
		c->done = true;
}

static void refusal_make(union msg_any *m, uint32_t reason, int error, const char *text)
{
	struct msg_fail *fail = &m->fail;
	*fail = (struct msg_fail){.reason = reason};
	fail->hdr.error = error ? error : reason_error(reason);
	snprintf(fail->text, sizeof(fail->text), "%s", text ? text : reason_text(reason));
	text_clean(fail->text, ""); /* it may have been cut within a character */
	fail->hdr.size = sizeof(*fail);
}

static void refusal_log(struct client *c, const struct msg_hdr *request)
{
	log_client(6, c->who.uid, c->who.class, LOG_REQUEST_REFUSED,
		   "client %u (pid %d, uid %u): %s refused: %s", c->id, (int)c->who.pid,
		   (unsigned)c->who.uid, msg_name(request->type), c->session.reply.fail.text);
}

static void answer_send(struct client *c, const struct msg_hdr *request, uint32_t reason,
			const struct answer *a)
{
	struct session *s = &c->session;
	if (reason) {
		wire_close(a->fds, a->nfds);
		refusal_make(&s->reply, reason, a->error, a->text);
		refusal_log(c, request);
	} else {
		s->reply.hdr = (struct msg_hdr){.size = msg_reply_bytes(request->type),
						.nfds = (uint16_t)a->nfds};
	}
	s->reply.hdr.type = request->type;
	s->reply.hdr.serial = request->serial;
	reply_send(c);
}

void session_finish(struct client *c, uint32_t reason, const struct answer *a)
{
	struct msg_hdr request = c->session.pending;
	c->session.pending = (struct msg_hdr){0};
	if (c->done) {
		wire_close(a->fds, a->nfds);
		return;
	}
	watch(c, EPOLLIN);
	answer_send(c, &request, reason, a);
}

static void handle(struct client *c, const union msg_any *m, uint32_t len, int *fds, uint32_t nfds)
{
	struct session *s = &c->session;
	memset(&s->reply, 0, sizeof(s->reply));
	struct answer a = {.reply = &s->reply, .brought = fds, .fds = s->reply_fds};
	uint32_t reason = REASON_NONE;
	judge_update(c);
	if (msg_check(m, len, nfds, s->state, &reason) == 0)
		reason = request_handle(c, m, &a);
	if (reason == REQUEST_PENDING) {
		s->pending = m->hdr;
		watch(c, 0);
	} else {
		answer_send(c, &m->hdr, reason, &a);
	}
}

/* Its descriptors came to a daemon that can have no more. */
static void descriptors_missed(struct client *c, const struct msg_hdr *request)
{
	memset(&c->session.reply, 0, sizeof(c->session.reply));
	answer_send(c, request, REASON_DAEMON_LIMIT, &(struct answer){.error = -EMFILE});
}

/* One request more within the rate? If not, reading goes on a second later. */
static bool within_rate(struct client *c)
{
	if (account_request(c->who.user, clock_ns()))
		return true;
	c->retry = true;
	watch(c, 0);
	return false;
}

/* Until the client has read what it was sent, none of its requests is read. */
static bool is_held(const struct session *s)
{
	return s->unsent || flight_unread(s->flight) > 0;
}

static bool may_read(const struct client *c)
{
	return !c->done && !c->session.pending.type && !is_held(&c->session);
}

static bool has_requests(int sock)
{
	char byte;
	return recv(sock, &byte, sizeof(byte), MSG_PEEK | MSG_DONTWAIT) >= 0;
}

/*
 * A held session whose client sent further requests ends after a while: the last descriptor of the
 * client's end may lie among these requests, and then nobody would ever read what was sent.
 */
static void hold(struct client *c)
{
	struct session *s = &c->session;
	uint64_t now = clock_ns();
	if (!has_requests(s->sock))
		return;
	if (!s->held_until_ns)
		s->held_until_ns = now + PATIENCE_NS;
	c->retry = true;
	if (now < s->held_until_ns)
		return;
	log_client(6, c->who.uid, c->who.class, LOG_REPLIES_UNREAD,
		   "client %u (pid %d) asks on and does not read its replies: hung up", c->id,
		   (int)c->who.pid);
	c->done = true;
}

static void ready(void *owner, uint32_t events)
{
	struct client *c = owner;
	struct session *s = &c->session;
	for (int i = 0; i < REQUESTS_A_TURN && events & EPOLLIN && may_read(c) && within_rate(c);
	     i++) {
		union msg_any m;
		int fds[MSG_FDS_MAX];
		uint32_t nfds = 0;
		int n = wire_recv(s->sock, &m, fds, &nfds, MSG_DONTWAIT);
		if (n == -EAGAIN)
			return;
		if (n == 0 || (n < 0 && n != -EMSGSIZE && n != -EMFILE)) {
			c->done = true;
			return;
		}
		if (n == -EMFILE) {
			descriptors_missed(c, &m.hdr);
			continue;
		}
		if (n < (int)sizeof(struct msg_hdr)) /* too long or too short to answer properly */
			memset(&m.hdr, 0, sizeof(m.hdr));
		handle(c, &m, n < 0 ? 0 : (uint32_t)n, fds, nfds);
		/* Perhaps nobody else has them any more: then a socket must not linger. */
		for (uint32_t fd = 0; fd < nfds; fd++)
			socket_drop(fds[fd], false);
	}
	bool held = !s->pending.type && is_held(s);
	if ((!(events & EPOLLIN) || held) && events & (EPOLLHUP | EPOLLERR))
		c->done = true;
	else if (events & EPOLLOUT)
		session_resume(c);
	else if (held)
		hold(c);
}

void session_connected(struct client *c, uint32_t flow_id, int result)
{
	const struct flow *f = c->session.connecting;
	if (!f || f->id != flow_id)
		return; /* nobody waits for it any more */
	struct answer a = {.reply = &c->session.reply, .fds = c->session.reply_fds};
	uint32_t reason = host_connected(c, result, &a);
	session_finish(c, reason, &a);
}

uint64_t session_closing(struct client *c, uint64_t now_ns)
{
	struct session *s = &c->session;
	struct flow *f = flow_find(c, s->closing);
	if (!s->closing)
		return UINT64_MAX;
	if (f && now_ns >= s->closing_until_ns)
		flow_give_up(f);
	if (f)
		flow_attend(f);
	if (f && f->queue->closing)
		return UINT64_MAX; /* it ends with its queue */
	if (f && f->state != FLOW_DEAD)
		return now_ns < s->closing_until_ns ? s->closing_until_ns : now_ns + GIVE_UP_NS;
	s->closing = 0;
	session_finish(c, REASON_NONE, &(struct answer){0});
	return UINT64_MAX;
}

void session_opening(struct client *c)
{
	struct answer a;
	uint32_t reason = open_turn(c, &a);
	if (reason != REQUEST_PENDING)
		session_finish(c, reason, &a);
}

void session_resume(struct client *c)
{
	struct session *s = &c->session;
	if (s->unsent)
		reply_send(c);
	if (may_read(c)) {
		s->held_until_ns = 0;
		watch(c, EPOLLIN);
	} else if (!c->done && !s->pending.type) {
		hold(c);
	}
}

int session_init(struct client *c, int sock)
{
	struct session *s = &c->session;
	int bytes = SEND_BYTES;
	setsockopt(sock, SOL_SOCKET, SO_SNDBUF, &bytes, sizeof(bytes));
	*s = (struct session){.sock = sock,
			      .flight = flight_new(sock, c->who.class, c->who.uid, MSG_FDS_MAX),
			      .source = {ready, c},
			      .state = MSG_STATE_NEW};
	return s->flight ? loop_watch(&c->loop, sock, EPOLLIN, &s->source) : -ENOMEM;
}

void session_refuse(int sock, uint32_t reason)
{
	union msg_any m;
	refusal_make(&m, reason, 0, NULL);
	m.hdr.type = MSG_HELLO;
	m.hdr.serial = 1;
	wire_send(sock, &m.hdr, NULL, MSG_DONTWAIT);
	/* Were anything left unread in the end, the client would see a reset before this. */
	shutdown(sock, SHUT_RD);
	while (recv(sock, &m, sizeof(m), MSG_DONTWAIT) > 0)
		;
}

void session_abandon(struct client *c)
{
	c->done = true;
	loop_unwatch(&c->loop, c->session.sock);
}

void session_done(struct client *c)
{
	struct session *s = &c->session;
	if (s->unsent)
		wire_close(s->reply_fds, s->reply.hdr.nfds);
	s->flight = flight_end(s->flight);
	s->sock = -1;
}
