/* SPDX-License-Identifier: MIT */
/* The public functions about flows: to begin, pause, ask about and end them. */
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "lib/channel.h"
#include "lib/reap.h"
#include "lib/request.h"
#include "lib/zcrx.h"

enum {
	HOST_CONNECT_MS = 120000
};

#define QUEUE_LOST "The queue is lost; close it."

static_assert(ZCRX_FLOW_LISTEN == MSG_FLOW_LISTEN && ZCRX_CLOSE_ABORT == MSG_CLOSE_ABORT,
	      "the library's names for the protocol's numbers");

/* Reads the events of a queue. Returns false when the queue is lost and no event can follow. */
static bool events_take(void *queue)
{
	struct zcrx_queue *q = queue;
	channel_read(q);
	return !q->lost;
}

/*
 * Asks the daemon to close a flow. Of a listener the reply comes after the FLOW_OPENED of all
 * connections that it accepted. The channel may have no room for them until it is read: so it is
 * read while the reply is awaited, and then until it is empty.
 */
static void flow_end(struct zcrx_queue *q, uint32_t id, bool listens, uint32_t flags)
{
	struct request r = {.fd = -1,
			    .also = q->channel,
			    .meanwhile = listens ? events_take : NULL,
			    .data = q};
	r.m.flow_close = (struct msg_flow_close){
		.hdr = REQUEST_HDR(flow_close, FLOW_CLOSE),
		.flow_id = id,
		.flags = flags,
	};
	request(q->z, &r);
	if (!listens)
		return;
	int64_t until = clock_until(REQUEST_MS);
	while (channel_pending(q) && !q->lost && clock_left(until) > 0)
		channel_read(q);
	reap_sleep_on(q);
}

/* ---- beginning ---- */

static int flow_new(struct zcrx_flow **ret, struct zcrx_queue *q, bool listens, void *user)
{
	struct zcrx_flow *f = calloc(1, sizeof(*f));
	*ret = f;
	if (!f)
		return refuse(q->z, -ENOMEM, "Out of memory.");
	f->queue = q;
	f->listens = listens;
	f->user = user;
	f->sock = -1;
	return 0;
}

/* Gives the caller a flow that began, or frees a flow that did not. */
static int flow_begun(struct zcrx_flow **ret, struct zcrx_flow *f, int error)
{
	if (error)
		flow_free(f);
	else
		*ret = f;
	return error;
}

/*
 * Undoes a listener. What it accepts until it is closed is announced, and has to be closed, too: so
 * its id has to be known. Without memory for that the connection ends: what was announced would
 * stay in the daemon.
 */
static void listener_undo(const struct zcrx_flow *f, uint32_t id)
{
	struct zcrx_queue *q = f->queue;
	struct zcrx_flow *listener = malloc(sizeof(*f));
	struct zcrx_flow *accepted, *next;
	if (listener) {
		*listener = *f;
		listener->id = id;
		listener->sock_owned = false;
		if (flows_add(&q->flows, listener, FLOW_LIVE) < 0) {
			free(listener);
			listener = NULL;
		}
	}
	if (!listener) {
		request_over(q->z, -ENOMEM, "Out of memory.");
		return;
	}
	flow_end(q, id, true, MSG_CLOSE_ABORT);
	for (accepted = TAILQ_FIRST(&q->flows.opening); accepted; accepted = next) {
		next = TAILQ_NEXT(accepted, link);
		if (accepted->listener_id == id)
			zcrx_flow_close(accepted, ZCRX_CLOSE_ABORT);
	}
	flows_remove(&q->flows, listener);
}

/* Undoes a flow that the daemon opened and whose socket this process cannot have. */
static void flow_undo(const struct zcrx_flow *f, uint32_t id)
{
	if (f->listens)
		listener_undo(f, id);
	else
		flow_end(f->queue, id, false, MSG_CLOSE_ABORT);
}

/*
 * The daemon has lost the queue. The channel says why, now or when the daemon is done with the
 * queue. Returns the error.
 */
static int loss_await(struct zcrx_queue *q)
{
	struct pollfd fd = {.fd = q->channel, .events = POLLIN};
	int64_t until = clock_until(REQUEST_MS);
	while (!q->lost && clock_left(until) > 0)
		if (poll(&fd, 1, clock_left(until)) > 0)
			channel_read(q);
	if (!q->lost)
		channel_lose(q, -EPROTO);
	return q->lost;
}

/* Sends the request that begins a flow. A socket that the reply brings becomes the flow's. */
static int flow_ask(struct zcrx_flow *f, struct request *r)
{
	struct zcrx_queue *q = f->queue;
	const struct msg_flow_reply *m = &r->m.flow_reply;
	if (q->lost)
		return refuse(q->z, q->lost, QUEUE_LOST);
	int error = request(q->z, r);
	if (error == -ENOENT)
		return refuse(q->z, loss_await(q), QUEUE_LOST);
	if (r->missed) {
		flow_undo(f, m->flow_id);
		return refuse(q->z, error, NO_MORE_FDS);
	}
	if (error)
		return error;
	if (r->nfds > 0) {
		f->sock = r->fds[0];
		f->sock_owned = true;
	}
	f->id = m->flow_id;
	f->local = m->local;
	f->remote = m->remote;
	error = flows_add(&q->flows, f, FLOW_LIVE);
	if (error == -EEXIST)
		return request_over(q->z, -EPROTO, "zcrxd gave a flow a number that is taken.");
	if (error) {
		flow_undo(f, f->id);
		return refuse(q->z, error, "Out of memory.");
	}
	return 0;
}

static int flow_ask_adopt(struct zcrx_flow *f)
{
	struct request r = {.fd = f->sock};
	r.m.flow_adopt = (struct msg_flow_adopt){
		.hdr = REQUEST_HDR(flow_adopt, FLOW_ADOPT),
		.queue_id = f->queue->id,
		.flags = f->listens ? MSG_FLOW_LISTEN : 0,
	};
	return flow_ask(f, &r);
}

static int flow_ask_host(struct zcrx_flow *f, const struct msg_addr *addr, unsigned flags)
{
	bool receive_only = flags & ZCRX_FLOW_RECEIVE_ONLY;
	int timeout_ms = f->listens ? 0 : HOST_CONNECT_MS;
	struct request r = {.fd = -1, .extra_ms = timeout_ms, .nfds = !receive_only};
	r.m.flow_host = (struct msg_flow_host){
		.hdr = REQUEST_HDR(flow_host, FLOW_HOST),
		.queue_id = f->queue->id,
		.flags = (f->listens ? MSG_FLOW_LISTEN : 0) |
			 (receive_only ? MSG_FLOW_RECEIVE_ONLY : 0),
		.timeout_ms = (uint32_t)timeout_ms,
	};
	*(f->listens ? &r.m.flow_host.local : &r.m.flow_host.remote) = *addr;
	return flow_ask(f, &r);
}

/* Connects. A connect(2) that a signal interrupts goes on by itself, so it is waited for. */
static int connect_wait(int sock, const struct sockaddr *to, socklen_t len)
{
	struct pollfd fd = {.fd = sock, .events = POLLOUT};
	int error = 0;
	socklen_t error_len = sizeof(error);
	if (connect(sock, to, len) == 0)
		return 0;
	if (errno != EINTR)
		return -errno;
	while (poll(&fd, 1, -1) < 0)
		if (errno != EINTR)
			return -errno;
	if (getsockopt(sock, SOL_SOCKET, SO_ERROR, &error, &error_len) < 0)
		return -errno;
	return -error;
}

static int listen_at(int sock, const struct sockaddr *at, socklen_t len)
{
	int on = 1;
	if (setsockopt(sock, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) < 0 ||
	    bind(sock, at, len) < 0 || listen(sock, SOMAXCONN) < 0)
		return -errno;
	return 0;
}

static int flow_open(struct zcrx_flow *f, const struct sockaddr *addr, socklen_t len,
		     unsigned flags)
{
	struct zcrx *z = f->queue->z;
	struct msg_addr m;
	int error = addr_from_sockaddr(&m, addr, len);
	if (error)
		return refuse(z, error, "The address is neither IPv4 nor IPv6, or cut short.");
	if (flags & ~(ZCRX_FLOW_HOST | ZCRX_FLOW_RECEIVE_ONLY) || flags == ZCRX_FLOW_RECEIVE_ONLY)
		return refuse(z, -EINVAL, "The flags may be HOST, or HOST with RECEIVE_ONLY.");
	if (flags & ZCRX_FLOW_HOST)
		return flow_ask_host(f, &m, flags);
	f->sock = socket(addr->sa_family, SOCK_STREAM | SOCK_CLOEXEC, IPPROTO_TCP);
	if (f->sock < 0)
		return refuse(z, -errno, "No socket can be opened: %m.");
	f->sock_owned = true;
	error = f->listens ? listen_at(f->sock, addr, len) : connect_wait(f->sock, addr, len);
	if (error)
		return refuse(z, error,
			      f->listens ? "Listening failed: %m." : "Connecting failed: %m.");
	return flow_ask_adopt(f);
}

int zcrx_flow_adopt(struct zcrx_queue *q, struct zcrx_flow **ret, int sock, unsigned flags,
		    void *user)
{
	struct zcrx_flow *f;
	if (flags & ~ZCRX_FLOW_LISTEN)
		return refuse(q->z, -EINVAL, "No flag but LISTEN may be set.");
	if (fcntl(sock, F_GETFD) < 0)
		return refuse(q->z, -EBADF, "There is no such file descriptor: %d.", sock);
	int error = flow_new(&f, q, flags & ZCRX_FLOW_LISTEN, user);
	if (!error) {
		f->sock = sock;
		error = flow_ask_adopt(f);
	}
	return flow_begun(ret, f, error);
}

int zcrx_flow_connect(struct zcrx_queue *q, struct zcrx_flow **ret, const struct sockaddr *to,
		      socklen_t len, unsigned flags, void *user)
{
	struct zcrx_flow *f;
	int error = flow_new(&f, q, false, user);
	if (!error)
		error = flow_open(f, to, len, flags);
	return flow_begun(ret, f, error);
}

int zcrx_flow_listen(struct zcrx_queue *q, struct zcrx_flow **ret, const struct sockaddr *at,
		     socklen_t len, unsigned flags, void *user)
{
	struct zcrx_flow *f;
	int error = flow_new(&f, q, true, user);
	if (!error)
		error = flow_open(f, at, len, flags);
	return flow_begun(ret, f, error);
}

/* ---- in between ---- */

int zcrx_flow_pause(struct zcrx_flow *f, int on)
{
	struct request r = {.fd = -1};
	r.m.flow_pause = (struct msg_flow_pause){
		.hdr = REQUEST_HDR(flow_pause, FLOW_PAUSE),
		.flow_id = f->id,
		.on = on != 0,
	};
	return request(f->queue->z, &r);
}

int zcrx_flow_socket(const struct zcrx_flow *f)
{
	return f->sock;
}

/*
 * Writes an address as getsockname(2) does: at most *len bytes, then sets *len to the full length.
 */
static int address_show(const struct msg_addr *a, struct sockaddr *ret, socklen_t *len)
{
	struct sockaddr_storage sa;
	socklen_t full = addr_to_sockaddr(a, &sa);
	if (full == 0)
		return -ENOTCONN;
	memcpy(ret, &sa, *len < full ? *len : full);
	*len = full;
	return 0;
}

int zcrx_flow_local(const struct zcrx_flow *f, struct sockaddr *addr, socklen_t *len)
{
	return address_show(&f->local, addr, len);
}

int zcrx_flow_remote(const struct zcrx_flow *f, struct sockaddr *addr, socklen_t *len)
{
	return address_show(&f->remote, addr, len);
}

void zcrx_flow_set_user(struct zcrx_flow *f, void *user)
{
	f->user = user;
}

void *zcrx_flow_user(const struct zcrx_flow *f)
{
	return f->user;
}

/* ---- ending ---- */

void zcrx_flow_close(struct zcrx_flow *f, unsigned flags)
{
	static const struct linger reset = {.l_onoff = 1};
	if (!f)
		return;
	struct zcrx_queue *q = f->queue;
	if (!q->lost)
		flow_end(q, f->id, f->listens, flags & ZCRX_CLOSE_ABORT);
	/*
	 * The daemon resets only streams that have not ended. Closing our own socket resets the
	 * others.
	 */
	if (flags & ZCRX_CLOSE_ABORT && f->sock_owned)
		setsockopt(f->sock, SOL_SOCKET, SO_LINGER, &reset, sizeof(reset));
	flows_remove(&q->flows, f);
}
