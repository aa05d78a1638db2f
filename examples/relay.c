/* SPDX-License-Identifier: MIT */
/*
 * Forwards every connection on a port to another server, from the very memory it was received in:
 * payload is sent from the area with MSG_ZEROCOPY, and its buffer goes back when the kernel says on
 * the socket's error queue that it is done with it. Where the kernel cannot send that way the bytes
 * are copied, and the buffer goes back at once.
 *
 * What the server answers is thrown away. A slow server needs no attention: its buffers stay out,
 * the area runs dry, and TCP holds the senders back.
 *
 * usage: example-relay PORT HOST PORT
 */
#include <errno.h>
#include <linux/errqueue.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/queue.h>
#include <sys/socket.h>
#include <unistd.h>
#include <zcrx.h>

/* A received buffer on its way out. */
struct piece {
	STAILQ_ENTRY(piece) link;
	struct zcrx_completion c;
	uint32_t sent;	  /* bytes that the socket took */
	uint32_t first;	  /* number of its first zero-copy send */
	uint32_t sends;	  /* how many there were */
	uint32_t pending; /* how many the kernel still reads from */
};

/*
 * One connection. It is freed only between two batches of completions, as a batch may still point
 * to it: when the sender has ended, no piece is out, and the server has hung up too.
 */
struct relay {
	struct zcrx_flow *flow; /* NULL: the sender has ended */
	int sock;
	bool zero_copy;
	bool hung_up;	    /* no bytes go to the server any more, or come from it */
	uint32_t next_send; /* the number that the kernel gives to the next zero-copy send */
	STAILQ_HEAD(, piece) pieces;
};

struct app {
	struct zcrx *z;
	struct zcrx_area *area;
	struct zcrx_queue *q;
	struct addrinfo *server;
	int epoll;
};

/* ---- to the server ---- */

/* Gives back the pieces that are out and done with; all that are not out, if nobody wants them. */
static void pieces_recycle(struct app *app, struct relay *r)
{
	struct piece *p, *next;
	for (p = STAILQ_FIRST(&r->pieces); p; p = next) {
		next = STAILQ_NEXT(p, link);
		if (p->pending > 0 || (p->sent < p->c.len && !r->hung_up))
			continue;
		zcrx_recycle(app->q, &p->c, 1);
		STAILQ_REMOVE(&r->pieces, p, piece, link);
		free(p);
	}
}

/* Sends what is left of a piece; false if the socket takes no more. */
static bool piece_send(struct app *app, struct relay *r, struct piece *p)
{
	const char *data = (const char *)zcrx_area_data(app->area) + p->c.off;
	while (p->sent < p->c.len) {
		int zero_copy = r->zero_copy ? MSG_ZEROCOPY : 0;
		ssize_t n = send(r->sock, data + p->sent, p->c.len - p->sent,
				 MSG_NOSIGNAL | MSG_DONTWAIT | zero_copy);
		if (n < 0 && errno == ENOBUFS && zero_copy) {
			r->zero_copy = false; /* too many notifications are due: copy from now on */
			continue;
		}
		if (n < 0) {
			r->hung_up |= errno != EAGAIN;
			return false;
		}
		p->sent += (uint32_t)n;
		if (zero_copy) {
			if (p->sends++ == 0)
				p->first = r->next_send;
			p->pending++;
			r->next_send++;
		}
	}
	return true;
}

static void pieces_send(struct app *app, struct relay *r)
{
	struct piece *p;
	bool room = !r->hung_up;
	for (p = STAILQ_FIRST(&r->pieces); p && room; p = STAILQ_NEXT(p, link))
		room = piece_send(app, r, p);
	if (room && !r->flow)
		shutdown(r->sock, SHUT_WR);
	pieces_recycle(app, r);
}

/* The kernel is done with the zero-copy sends numbered from..to. */
static void pieces_done(struct relay *r, uint32_t from, uint32_t to)
{
	struct piece *p;
	STAILQ_FOREACH(p, &r->pieces, link)
	{
		for (uint32_t i = 0; i < p->sends; i++)
			if (p->first + i - from <= to - from)
				p->pending--;
	}
}

static void notifications_read(struct relay *r)
{
	union {
		struct cmsghdr header;
		char room[256];
	} control;
	struct msghdr msg = {.msg_control = &control, .msg_controllen = sizeof(control)};
	while (recvmsg(r->sock, &msg, MSG_ERRQUEUE | MSG_DONTWAIT) >= 0) {
		for (struct cmsghdr *c = CMSG_FIRSTHDR(&msg); c; c = CMSG_NXTHDR(&msg, c)) {
			struct sock_extended_err e;
			memcpy(&e, CMSG_DATA(c), sizeof(e));
			if (e.ee_origin == SO_EE_ORIGIN_ZEROCOPY)
				pieces_done(r, e.ee_info, e.ee_data);
		}
		msg.msg_controllen = sizeof(control);
	}
}

/* MSG_TRUNC throws the bytes away where they are. */
static void answers_drop(struct relay *r)
{
	ssize_t n;
	do
		n = recv(r->sock, NULL, 1 << 20, MSG_TRUNC | MSG_DONTWAIT);
	while (n > 0);
	if (n == 0 || errno != EAGAIN)
		r->hung_up = true;
}

/* Something happened on the server's socket. */
static void relay_turn(struct app *app, struct relay *r)
{
	notifications_read(r);
	answers_drop(r);
	pieces_send(app, r);
	if (!r->hung_up)
		return;
	zcrx_flow_close(r->flow, ZCRX_CLOSE_ABORT);
	r->flow = NULL;
	if (!STAILQ_EMPTY(&r->pieces))
		return;
	close(r->sock);
	free(r);
}

/* ---- from the sender ---- */

static void relay_new(struct app *app, struct zcrx_flow *flow)
{
	const struct addrinfo *to = app->server;
	struct relay *r = calloc(1, sizeof(*r));
	struct epoll_event event = {.events = EPOLLIN | EPOLLOUT | EPOLLET, .data.ptr = r};
	int on = 1;
	zcrx_flow_set_user(flow, r);
	if (!r)
		return;
	STAILQ_INIT(&r->pieces);
	r->flow = flow;
	r->sock = socket(to->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	r->zero_copy = setsockopt(r->sock, SOL_SOCKET, SO_ZEROCOPY, &on, sizeof(on)) == 0;
	if (connect(r->sock, to->ai_addr, to->ai_addrlen) < 0 && errno != EINPROGRESS)
		perror("example-relay: connect");
	if (epoll_ctl(app->epoll, EPOLL_CTL_ADD, r->sock, &event) < 0)
		perror("example-relay: epoll_ctl");
}

static void relay_take(struct app *app, struct relay *r, const struct zcrx_completion *c)
{
	struct piece *p = r && !r->hung_up ? calloc(1, sizeof(*p)) : NULL;
	if (!p) {
		zcrx_recycle(app->q, c, 1);
		if (r)
			shutdown(r->sock, SHUT_RDWR);
		return;
	}
	p->c = *c;
	STAILQ_INSERT_TAIL(&r->pieces, p, link);
}

/* The sender's end is passed on: all it sent and FIN, or a reset. */
static void relay_end(struct app *app, struct relay *r, const struct zcrx_completion *c)
{
	zcrx_flow_close(c->flow, 0);
	if (!r)
		return;
	r->flow = NULL;
	if (c->error)
		connect(r->sock, &(struct sockaddr){.sa_family = AF_UNSPEC},
			sizeof(struct sockaddr));
	else
		pieces_send(app, r);
}
