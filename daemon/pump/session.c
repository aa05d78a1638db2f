/* SPDX-License-Identifier: MIT */
#include "daemon/pump/session.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>

#include "base/clock.h"
#include "daemon/grant/log_client.h"
#include "daemon/grant/rates.h"
#include "daemon/pump/flight.h"
#include "daemon/pump/judge.h"
#include "daemon/pump/reply.h"
#include "daemon/pump/request.h"
#include "daemon/pump/socket.h"
#include "proto/reason.h"
#include "proto/wire.h"

#define REQUESTS_A_TURN 16
#define SEND_BYTES      16384
#define RATE_PAUSE_NS \
	100000000u /* shorter than a burst lasts: so a pause costs nothing of the rate */
#define PATIENCE_NS 5000000000u /* with unread descriptors and further requests; protocol.md */

static void handle(struct client *c, const union msg_any *m, uint32_t len, int *fds, uint32_t nfds)
{
	struct answer a = reply_begin(c);
	uint32_t reason = REASON_NONE;
	a.brought = fds;
	judge_update(c, &c->judged);
	if (msg_check(m, len, nfds, c->session.state, &reason) == 0)
		reason = request_handle(c, m, &a);
	if (reason != REQUEST_PENDING)
		reply_answer(c, &m->hdr, reason, &a);
}

/* The request's descriptors were lost, since the pump can have no more of them. */
static void descriptors_missed(struct client *c, const struct msg_hdr *request)
{
	struct answer a = reply_begin(c);
	a.error = -EMFILE;
	reply_answer(c, request, REASON_DAEMON_LIMIT, &a);
}

/* One request more within the rate? If not, reading goes on a little later. */
static bool within_rate(struct client *c)
{
	uint64_t now = clock_ns(), at_ns = now + RATE_PAUSE_NS;
	if (rates_request(c->who.user, now))
		return true;
	c->retry = true;
	if (!c->retry_at_ns || at_ns < c->retry_at_ns)
		c->retry_at_ns = at_ns;
	reply_watch(c, 0);
	return false;
}

static bool may_read(const struct client *c)
{
	return !c->done && !c->session.pending.kind && !reply_holds(&c->session);
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
		   "asks on and does not read its replies: hung up");
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
		/* A socket of which this is the last descriptor must not linger when it is closed.
		 */
		for (uint32_t fd = 0; fd < nfds; fd++)
			socket_drop(fds[fd], false);
	}
	bool held = !s->pending.kind && reply_holds(s);
	if ((!(events & EPOLLIN) || held) && events & (EPOLLHUP | EPOLLERR))
		c->done = true;
	else if (events & EPOLLOUT)
		session_resume(c);
	else if (held)
		hold(c);
}

void session_resume(struct client *c)
{
	struct session *s = &c->session;
	reply_retry(c);
	if (may_read(c)) {
		s->held_until_ns = 0;
		reply_watch(c, EPOLLIN);
	} else if (!c->done && !s->pending.kind) {
		hold(c);
	}
}

int session_init(struct client *c, int sock)
{
	struct session *s = &c->session;
	int bytes = SEND_BYTES;
	setsockopt(sock, SOL_SOCKET, SO_SNDBUF, &bytes, sizeof(bytes));
	*s = (struct session){.sock = sock,
			      .flight = flight_new(sock, c->who.class, c->who.uid, MSG_FDS_MAX,
						   c->poke),
			      .source = {ready, c},
			      .state = MSG_STATE_NEW};
	return s->flight ? loop_watch(&c->loop, sock, EPOLLIN, &s->source) : -ENOMEM;
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
