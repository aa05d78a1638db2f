/* SPDX-License-Identifier: MIT */
#include "lib/channel.h"

#include <errno.h>
#include <linux/futex.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/clock.h"
#include "proto/reason.h"
#include "proto/text.h"
#include "proto/wire.h"

/* How much one look at the channel takes at most. The next look takes the rest. */
enum {
	MESSAGES_MAX = 64
};

/* Only who looks at the channel sees that the daemon has gone. */
#define NAP_MS 20

static_assert(sizeof(time_t) == sizeof(long), "the kernel's timespec for SYS_futex");

/*
 * Takes the event of a connection that a listener accepted. The daemon receives nothing of it yet.
 */
static int flow_opened(struct zcrx_queue *q, const struct msg_flow_opened *m, int *fd)
{
	struct zcrx_flow *listener = flows_find(&q->flows, m->listener_id);
	if (!listener || !listener->listens)
		return 0; /* the listener was closed meanwhile */
	struct zcrx_flow *f = calloc(1, sizeof(*f));
	if (!f)
		return -ENOMEM;
	*f = (struct zcrx_flow){
		.queue = q,
		.id = m->flow_id,
		.listener_id = m->listener_id,
		.user = listener->user,
		.local = m->local,
		.remote = m->remote,
		.sock = *fd,
	};
	int error = flows_add(&q->flows, f, FLOW_OPENING);
	if (error) {
		flow_free(f);
		return error == -EEXIST ? -EPROTO : error;
	}
	f->sock_owned = f->sock >= 0;
	*fd = -1;
	return 0;
}

static int flow_closed(struct zcrx_queue *q, const struct msg_flow_closed *m)
{
	struct zcrx_flow *f = flows_find(&q->flows, m->flow_id);
	if (!f || f->closed)
		return 0;
	f->closed = true;
	f->error = m->error;
	f->cq_pos = m->cq_pos;
	if (f->state == FLOW_LIVE)
		flows_advance(&q->flows, f, FLOW_ENDING);
	return 0;
}

/* Returns the negative errno of the loss. */
static int lost(struct zcrx_queue *q, const struct msg_queue_lost *m)
{
	if (m->queue_id != q->id || m->error >= 0)
		return -EPROTO;
	if (!q->lost) {
		memcpy(q->why_lost, m->text, sizeof(q->why_lost) - 1);
		text_clean(q->why_lost, "");
	}
	return m->error;
}

/* Carries out an event; *fd is its descriptor or -1, and becomes -1 if the event took it. */
static int event_take(struct zcrx_queue *q, const union msg_any *m, int *fd)
{
	switch (m->hdr.type) {
	case MSG_FLOW_OPENED:
		return m->flow_opened.queue_id == q->id ? flow_opened(q, &m->flow_opened, fd)
							: -EPROTO;
	case MSG_FLOW_CLOSED:
		return m->flow_closed.queue_id == q->id ? flow_closed(q, &m->flow_closed) : -EPROTO;
	case MSG_QUEUE_LOST:
		return lost(q, &m->queue_lost);
	default:
		return -EPROTO;
	}
}

/*
 * Takes a datagram that was received: a wake-up or an event. Unknown events are for newer
 * libraries, and are ignored.
 */
static int datagram_take(struct zcrx_queue *q, const union msg_any *m, uint32_t len, int *fds,
			 uint32_t nfds)
{
	uint32_t reason = REASON_NONE;
	int fd = -1;
	if (len == 1 && nfds == 0)
		return 0;
	if (msg_check(m, len, nfds, MSG_STATE_EVENT, &reason))
		return reason == REASON_UNKNOWN_REQUEST ? 0 : -EPROTO;
	return event_take(q, m, nfds > 0 ? &fds[0] : &fd);
}

/* What datagram_recv() found. */
enum {
	NOTHING,
	WAKE,
	EVENT
};

/* Receives one datagram. Returns what it is, or a negative errno: then the queue is lost. */
static int datagram_recv(struct zcrx_queue *q)
{
	union msg_any m;
	int fds[MSG_FDS_MAX];
	uint32_t nfds = 0;
	int len = wire_recv(q->channel, &m, fds, &nfds, MSG_DONTWAIT);
	if (len == -EAGAIN)
		return NOTHING;
	if (len == 0)
		return -ECONNRESET;
	/* the process can have no more descriptors; the connection is a flow without a socket */
	if (len == -EMFILE) {
		len = (int)m.hdr.size;
		m.hdr.nfds = 0;
	}
	if (len < 0)
		return len == -EMSGSIZE ? -EPROTO : len;
	int error = datagram_take(q, &m, (uint32_t)len, fds, nfds);
	for (uint32_t i = 0; i < nfds; i++)
		if (fds[i] >= 0)
			close(fds[i]);
	return error ? error : len == 1 ? WAKE : EVENT;
}

void channel_read(struct zcrx_queue *q)
{
	uint32_t announced = ring_load(&q->rings.daemon->events);
	for (int i = 0; i < MESSAGES_MAX; i++) {
		int r = datagram_recv(q);
		if (r < 0)
			channel_lose(q, r);
		/* The daemon sends one wake-up for each time that it was asked to. */
		if (r == EVENT || (r == WAKE && announced != q->events_seen))
			continue;
		q->events_seen = announced;
		q->look = false;
		return;
	}
}

void channel_arm(struct zcrx_queue *q)
{
	q->armed = true;
	q->look = true;
	ring_store(&q->rings.client->wake, RING_WAKE_BYTE);
	ring_barrier();
}

/*
 * Takes the wake word back. If the daemon took it first, its byte is under way, and `look` stays
 * set.
 */
void channel_disarm(struct zcrx_queue *q)
{
	if (!q->armed)
		return;
	q->armed = false;
	if (ring_take(&q->rings.client->wake))
		q->look = false;
}

/*
 * Sleeps on the wake word, for NAP_MS at most. Returns 1 if the daemon has woken this thread by it,
 * 0 if the channel is to be polled now, or -EINTR.
 */
static int nap(struct zcrx_queue *q, int ms)
{
	uint32_t *word = &q->rings.client->wake;
	const struct timespec t = {.tv_nsec = (ms < 0 || ms > NAP_MS ? NAP_MS : ms) * 1000000L};
	if (!ring_load(&q->rings.daemon->futex) ||
	    !ring_change(word, RING_WAKE_BYTE, RING_WAKE_FUTEX))
		return 0; /* if the daemon has the word already, its byte is under way */
	long r = syscall(SYS_futex, word, FUTEX_WAIT, RING_WAKE_FUTEX, &t, NULL, 0);
	int error = r < 0 ? errno : 0;
	if (ring_change(word, RING_WAKE_FUTEX, RING_WAKE_BYTE))
		return error == EINTR ? -EINTR : 0;
	q->armed = false;
	q->look = false;
	return 1;
}

int channel_sleep(struct zcrx_queue *q, int64_t until)
{
	struct pollfd fd = {.fd = q->channel, .events = POLLIN};
	int ms = clock_left(until);
	int r = ms != 0 ? nap(q, ms) : 0;
	if (r != 0)
		return r;
	r = poll(&fd, 1, clock_left(until));
	return r < 0 ? -errno : r;
}

/*
 * If the channel has no room, earlier bytes lie unread in it, and the daemon will read them. If
 * there is no memory for the byte, the daemon would wait for it forever: the queue is lost.
 */
static void byte_send(struct zcrx_queue *q, char byte)
{
	ssize_t n = send(q->channel, &byte, sizeof(byte), MSG_DONTWAIT | MSG_NOSIGNAL);
	if (n < 0 && (errno == ENOBUFS || errno == ENOMEM))
		channel_lose(q, -errno);
}

void channel_kick(struct zcrx_queue *q)
{
	byte_send(q, RING_KICK);
}

void channel_ask(struct zcrx_queue *q)
{
	byte_send(q, RING_KICK_WAKE);
}

/* After shutdown(2) this process still receives what lies in the channel. */
void channel_lose(struct zcrx_queue *q, int error)
{
	queue_lose(q, error);
	shutdown(q->channel, SHUT_RDWR);
}
