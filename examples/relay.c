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
#include <netdb.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/queue.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>
#include <zcrx.h>

#include <linux/errqueue.h> /* needs time.h */

/* A received buffer on its way out. */
struct piece {
	TAILQ_ENTRY(piece) link;
	struct zcrx_completion c;
	uint32_t sent;    /* bytes that the socket took */
	uint32_t first;   /* number of its first zero-copy send */
	uint32_t sends;   /* how many there were */
	uint32_t pending; /* how many the kernel still reads from */
};

/*
 * One connection. It is freed when both sides have ended and no piece is out, and never while a
 * batch of completions is worked on, which may still point to it.
 */
struct relay {
	struct zcrx_flow *flow; /* NULL: the sender has ended */
	int sock;
	bool zero_copy;
	bool answered;      /* the server has sent its FIN */
	bool failed;        /* nothing can be sent any more */
	uint32_t next_send; /* the number that the kernel gives to the next zero-copy send */
	TAILQ_HEAD(, piece) pieces;
};

struct app {
	struct zcrx *z;
	struct zcrx_area *area;
	struct zcrx_queue *q;
	struct addrinfo *server;
	int epoll;
};

/* ---- to the server ---- */

/* Gives back the pieces that are out and done with; all that are not, if nobody wants them. */
static void pieces_recycle(struct app *app, struct relay *r)
{
	struct piece *p, *next;
	for (p = TAILQ_FIRST(&r->pieces); p; p = next) {
		next = TAILQ_NEXT(p, link);
		if (p->pending > 0 || (p->sent < p->c.len && !r->failed))
			continue;
		zcrx_recycle(app->q, &p->c, 1);
		TAILQ_REMOVE(&r->pieces, p, link);
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
			r->failed |= errno != EAGAIN;
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
	bool room = !r->failed;
	for (p = TAILQ_FIRST(&r->pieces); p && room; p = TAILQ_NEXT(p, link))
		room = piece_send(app, r, p);
	if (room && !r->flow)
		shutdown(r->sock, SHUT_WR);
	pieces_recycle(app, r);
}

/* The kernel is done with the zero-copy sends numbered from..to. */
static void pieces_done(struct relay *r, uint32_t from, uint32_t to)
{
	struct piece *p;
	TAILQ_FOREACH (p, &r->pieces, link) {
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
	r->answered |= n == 0;
	r->failed |= n < 0 && errno != EAGAIN;
}

/* Handles what happened on the server's socket. */
static void relay_turn(struct app *app, struct relay *r)
{
	notifications_read(r);
	answers_drop(r);
	pieces_send(app, r);
	if (r->failed) {
		zcrx_flow_close(r->flow, ZCRX_CLOSE_ABORT);
		r->flow = NULL;
	}
	if (!r->flow && TAILQ_EMPTY(&r->pieces) && (r->failed || r->answered)) {
		close(r->sock);
		free(r);
	}
}

/* ---- from the sender ---- */

static int server_connect(const struct addrinfo *to)
{
	int sock = socket(to->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (sock < 0)
		return -1;
	if (connect(sock, to->ai_addr, to->ai_addrlen) < 0 && errno != EINPROGRESS) {
		close(sock);
		return -1;
	}
	return sock;
}

static void relay_new(struct app *app, struct zcrx_flow *flow)
{
	struct relay *r = calloc(1, sizeof(*r));
	struct epoll_event event = {.events = EPOLLIN | EPOLLOUT | EPOLLET, .data.ptr = r};
	int on = 1;
	int sock = r ? server_connect(app->server) : -1;
	if (sock < 0 || epoll_ctl(app->epoll, EPOLL_CTL_ADD, sock, &event) < 0) {
		perror("example-relay: one connection is refused");
		zcrx_flow_close(flow, ZCRX_CLOSE_ABORT);
		if (sock >= 0)
			close(sock);
		free(r);
		return;
	}
	r->flow = flow;
	r->sock = sock;
	r->zero_copy = setsockopt(sock, SOL_SOCKET, SO_ZEROCOPY, &on, sizeof(on)) == 0;
	TAILQ_INIT(&r->pieces);
	zcrx_flow_set_user(flow, r);
}

static void relay_take(struct app *app, struct relay *r, const struct zcrx_completion *c)
{
	struct piece *p = r->failed ? NULL : calloc(1, sizeof(*p));
	if (!p) {
		zcrx_recycle(app->q, c, 1);
		r->failed = true;
		shutdown(r->sock, SHUT_RDWR); /* wakes relay_turn() */
		return;
	}
	p->c = *c;
	TAILQ_INSERT_TAIL(&r->pieces, p, link);
	pieces_send(app, r);
}

/* The sender's end is passed on: FIN after all that it sent, or a reset. */
static void relay_end(struct app *app, struct relay *r, int error)
{
	const struct sockaddr nowhere = {.sa_family = AF_UNSPEC};
	zcrx_flow_close(r->flow, 0);
	r->flow = NULL;
	if (error)
		r->failed = connect(r->sock, &nowhere, sizeof(nowhere)) < 0;
	else
		pieces_send(app, r);
}

static int receive(struct app *app)
{
	struct zcrx_completion c[64];
	int n;
	while ((n = zcrx_reap(app->q, c, 64)) > 0)
		for (int i = 0; i < n; i++)
			switch (c[i].what) {
			case ZCRX_OPEN:
				relay_new(app, c[i].flow);
				break;
			case ZCRX_DATA:
				relay_take(app, c[i].user, &c[i]);
				break;
			case ZCRX_END:
				relay_end(app, c[i].user, c[i].error);
				break;
			case ZCRX_LOST:
				return c[i].error;
			}
	return n;
}

/* ---- the program ---- */

static int loop(struct app *app)
{
	struct epoll_event event = {.events = EPOLLIN};
	if (epoll_ctl(app->epoll, EPOLL_CTL_ADD, zcrx_queue_fd(app->q), &event) < 0)
		return -errno;
	for (;;) {
		int r = receive(app);
		if (r < 0)
			return r;
		/* One event at a time: the next could be for a relay that this one frees. */
		r = epoll_wait(app->epoll, &event, 1, -1);
		if (r < 0 && errno != EINTR)
			return -errno;
		if (r > 0 && event.data.ptr)
			relay_turn(app, event.data.ptr);
	}
}

static int relay(struct app *app, uint16_t port)
{
	struct sockaddr_in at = {
		.sin_family = AF_INET,
		.sin_port = htons(port),
	};
	struct zcrx_flow *listener;
	int r = zcrx_connect(&app->z, NULL);
	if (r == 0)
		r = zcrx_area_new(app->z, &app->area, 16 << 20, 0);
	if (r == 0)
		r = zcrx_queue_open(app->z, &app->q, app->area, NULL);
	if (r == 0)
		r = zcrx_flow_listen(app->q, &listener, (struct sockaddr *)&at, sizeof(at), 0,
				     NULL);
	return r < 0 ? r : loop(app);
}

int main(int argc, char **argv)
{
	struct app app = {0};
	struct addrinfo hints = {.ai_socktype = SOCK_STREAM};
	char *end;
	unsigned long port = argc == 4 ? strtoul(argv[1], &end, 10) : 0;
	if (port == 0 || port > UINT16_MAX || *end) {
		fprintf(stderr, "usage: example-relay PORT HOST PORT\n");
		return 2;
	}
	int r = getaddrinfo(argv[2], argv[3], &hints, &app.server);
	if (r) {
		fprintf(stderr, "example-relay: %s: %s\n", argv[2], gai_strerror(r));
		return 1;
	}
	app.epoll = epoll_create1(EPOLL_CLOEXEC);
	r = relay(&app, (uint16_t)port);
	errno = -r;
	fprintf(stderr, "example-relay: %m. %s\n", zcrx_error(app.z));
	zcrx_close(app.z);
	freeaddrinfo(app.server);
	return 1;
}
