/* SPDX-License-Identifier: MIT */
#include "daemon/pump/reply.h"

#include <errno.h>
#include <string.h>
#include <sys/epoll.h>

#include "daemon/common/refuse.h"
#include "daemon/grant/log_client.h"
#include "daemon/pump/flight.h"
#include "proto/reason.h"
#include "proto/wire.h"

void reply_watch(struct client *c, uint32_t events)
{
	loop_rewatch(&c->loop, c->session.sock, events, &c->session.source);
}

bool reply_holds(const struct session *s)
{
	return s->unsent || flight_unread(s->flight) > 0;
}

/*
 * Sends the reply that was made. If there is no room for it the client does not read its replies,
 * and is hung up on. Waiting for room could last for ever: the client's own end of the connection
 * may lie among the requests that would not be read meanwhile, and outlive the client there. If it
 * is zcrxd that is short of something, the reply is tried again after a while.
 */
static void send_made(struct client *c)
{
	struct session *s = &c->session;
	int r = flight_send(s->flight, &s->reply.hdr, s->reply_fds);
	s->unsent = r == -EBUSY || r == -EINPROGRESS;
	c->retry |= r == -EBUSY;
	if (s->unsent)
		return reply_watch(c, EPOLLIN | EPOLLET);
	wire_close(s->reply_fds, s->reply.hdr.nfds);
	if (flight_unread(s->flight) > 0)
		reply_watch(c, EPOLLIN | EPOLLOUT | EPOLLET);
	if (r == -EAGAIN)
		log_client(6, c->who.uid, c->who.class, LOG_REPLIES_UNREAD,
			   "does not read its replies: hung up");
	if (r < 0)
		c->done = true;
}

void reply_retry(struct client *c)
{
	if (c->session.unsent)
		send_made(c);
}

static void refusal_log(struct client *c, const struct msg_hdr *request)
{
	log_client(6, c->who.uid, c->who.class, LOG_REQUEST_REFUSED, "%s refused: %s",
		   msg_name(request->type), c->session.reply.fail.text);
}

struct answer reply_begin(struct client *c)
{
	struct session *s = &c->session;
	memset(&s->reply, 0, sizeof(s->reply));
	return (struct answer){.reply = &s->reply, .fds = s->reply_fds};
}

void reply_answer(struct client *c, const struct msg_hdr *request, uint32_t reason,
		  const struct answer *a)
{
	struct session *s = &c->session;
	if (reason) {
		wire_close(a->fds, a->nfds);
		refuse_make(&s->reply, reason, a->error, *a->text ? a->text : NULL);
		refusal_log(c, request);
	} else {
		s->reply.hdr = (struct msg_hdr){.size = msg_reply_bytes(request->type),
						.nfds = (uint16_t)a->nfds};
	}
	s->reply.hdr.type = request->type;
	s->reply.hdr.serial = request->serial;
	send_made(c);
}
