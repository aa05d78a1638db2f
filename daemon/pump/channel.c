/* SPDX-License-Identifier: MIT */
#include "daemon/pump/channel.h"

#include <errno.h>
#include <linux/futex.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/counter.h"
#include "base/fd.h"
#include "daemon/pump/flight.h"
#include "daemon/pump/flows.h"
#include "daemon/pump/life.h"
#include "proto/reason.h"
#include "proto/text.h"

/* Room for some dozens of messages; what does not fit waits on the news list. */
#define SEND_BYTES 32768

#define KICKS_A_TURN 64

int channel_open(struct queue *q, int poke, int *ret_client)
{
	const struct client_identity *who = &q->client->who;
	int pair[2], bytes = SEND_BYTES;
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
		return -errno;
	setsockopt(pair[0], SOL_SOCKET, SO_SNDBUF, &bytes, sizeof(bytes));
	q->flight = flight_new(pair[0], who->class, who->uid, 1, poke);
	if (!q->flight) {
		fd_close(pair[0]);
		fd_close(pair[1]);
		return -ENOMEM;
	}
	q->channel = pair[0];
	*ret_client = pair[1];
	return 0;
}

void channel_close(struct queue *q)
{
	if (!q->flight)
		return;
	loop_unwatch(&q->loop, q->channel);
	q->flight = flight_end(q->flight);
	q->channel = -1;
}

void channel_tell(struct queue *q, struct flow *f)
{
	TAILQ_INSERT_TAIL(&q->news, f, news);
	f->is_news = true;
	channel_flush(q);
}

void channel_forget(struct queue *q, struct flow *f)
{
	if (f->is_news)
		TAILQ_REMOVE(&q->news, f, news);
	f->is_news = false;
	if (q->listeners_wait && TAILQ_EMPTY(&q->news))
		schedule_now(&q->schedule);
}

static int event_send(struct queue *q, union msg_any *m, uint16_t type, size_t size, int fd)
{
	m->hdr.type = type;
	m->hdr.size = (uint32_t)size;
	m->hdr.nfds = fd >= 0;
	int r = flight_send(q->flight, &m->hdr, &fd);
	if (r < 0)
		return r;
	ring_store(&q->rings.daemon->events, q->rings.daemon->events + 1);
	ring_barrier();
	/* Who polls the channel sees the event there. */
	if (ring_load(&q->rings.client->wake) == RING_WAKE_FUTEX)
		channel_wake(q);
	return 0;
}

/* The flow's listener or the queue ends: few announcements can follow. */
static bool is_last(const struct queue *q, const struct flow *f)
{
	const struct flow *listener = flow_find(q, f->listener_id);
	return queue_is_closing(q) || (listener && listener->closing);
}

static int send_opened(struct queue *q, const struct flow *f)
{
	int fd = f->receive_only ? -1 : f->sock;
	if (fd >= 0 && !flight_has_room(q->flight, CHANNEL_SOCKETS) && !is_last(q, f))
		return -EAGAIN;
	union msg_any m = {0};
	m.flow_opened.queue_id = q->id;
	m.flow_opened.listener_id = f->listener_id;
	m.flow_opened.flow_id = f->id;
	m.flow_opened.local = f->local;
	m.flow_opened.remote = f->remote;
	return event_send(q, &m, MSG_FLOW_OPENED, sizeof(m.flow_opened), fd);
}

static int send_closed(struct queue *q, const struct flow *f)
{
	union msg_any m = {0};
	m.flow_closed.queue_id = q->id;
	m.flow_closed.flow_id = f->id;
	m.flow_closed.error = f->error;
	m.flow_closed.reason = f->reason;
	m.flow_closed.cq_pos = f->end;
	m.flow_closed.bytes = count_get(&f->report->bytes);
	m.flow_closed.bytes_copied = count_get(&f->report->bytes_copied);
	const char *text = f->error ? reason_text(f->reason) : "The peer finished the stream.";
	snprintf(m.flow_closed.text, sizeof(m.flow_closed.text), "%s", text);
	return event_send(q, &m, MSG_FLOW_CLOSED, sizeof(m.flow_closed), -1);
}

void channel_lost(struct queue *q)
{
	union msg_any m = {0};
	m.queue_lost.queue_id = q->id;
	m.queue_lost.error = q->lost.error;
	m.queue_lost.reason = q->lost.reason;
	snprintf(m.queue_lost.text, sizeof(m.queue_lost.text), "%s",
		 q->lost.text ? q->lost.text : reason_text(q->lost.reason));
	text_clean(m.queue_lost.text, "");
	/* Without room for it, the end of the channel says the same. */
	event_send(q, &m, MSG_QUEUE_LOST, sizeof(m.queue_lost), -1);
}

/* A wake-up for which there was no memory is sent later: the client would sleep on. */
static void send_wake(struct queue *q)
{
	ssize_t n = send(q->channel, "", 1, MSG_DONTWAIT | MSG_NOSIGNAL);
	q->wake_owed = n < 0 && (errno == ENOBUFS || errno == ENOMEM);
	q->retry |= q->wake_owed;
	/* If there is no room, something to read wakes the client already. */
}

void channel_flush(struct queue *q)
{
	struct flow *f, *next;
	if (q->wake_owed)
		send_wake(q);
	for (f = TAILQ_FIRST(&q->news); f; f = next) {
		next = TAILQ_NEXT(f, news);
		if (f->awaits_rules)
			continue;
		int r = f->state == FLOW_OPENING ? send_opened(q, f) : send_closed(q, f);
		q->retry |= r == -EBUSY;
		if (r == -EINPROGRESS) /* an end, say, does not wait for the broker */
			continue;
		if (r == -EAGAIN || r == -EBUSY)
			return;
		if (r < 0)
			return life_close(q);
		channel_forget(q, f);
		if (f->state == FLOW_OPENING) {
			flows_set_state(f, FLOW_IDLE);
			flows_wait(f);
		}
	}
}

void channel_wake(struct queue *q)
{
	uint32_t *word = &q->rings.client->wake, how;
	ring_barrier();
	if (!ring_load(word) || !(how = ring_take(word)))
		return;
	count_add(&q->rings.daemon->wakeups, 1);
	if (how == RING_WAKE_FUTEX)
		syscall(SYS_futex, word, FUTEX_WAKE, 1, NULL, NULL, 0);
	else
		send_wake(q);
}

void channel_ready(void *owner, uint32_t events)
{
	struct queue *q = owner;
	if (queue_is_closing(q))
		return;
	if (events & (EPOLLHUP | EPOLLERR))
		return life_close(q);
	if (events & EPOLLIN) {
		q->kicked = true;
		schedule_ask(&q->schedule, clock_ns());
	}
	channel_flush(q);
}

void channel_take_kicks(struct queue *q)
{
	char kick;
	bool asks = false;
	for (int i = 0; q->kicked && i < KICKS_A_TURN; i++) {
		/* There is no room for descriptors, so the kernel closes those that come along. */
		ssize_t n = recv(q->channel, &kick, sizeof(kick), MSG_DONTWAIT);
		q->kicked = n > 0;
		asks |= n > 0 && kick == RING_KICK_WAKE;
		if (n == 0 || (n < 0 && errno != EAGAIN))
			life_close(q);
	}
	if (asks)
		channel_wake(q);
}
