/* SPDX-License-Identifier: MIT */
#include "daemon/pump/flight.h"

#include <errno.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/queue.h>
#include <sys/socket.h>

#include "base/fd.h"
#include "daemon/common/loop.h"
#include "daemon/grant/flight_reader.h"
#include "daemon/pump/ahead.h"
#include "proto/wire.h"

/*
 * An unread datagram is charged more bytes than this. The kernel reports room while the datagram
 * that was just read still counts for one byte, and does not report again when that byte has gone;
 * so a rest of fewer bytes is no datagram.
 */
#define DATAGRAM_LEAST 256

struct flight {
	LIST_ENTRY(flight) link; /* in flights.left once its owner has gone */
	int sock;
	uint32_t each, unread;
	struct ahead ahead; /* charged: what is unread, was read since it was released last, or is
			       charged ahead */
	struct flight_reader *reader;
	struct source source; /* once its owner has gone */
};

static struct {
	pthread_mutex_t lock;
	LIST_HEAD(, flight) left;
	struct loop loop;
} flights = {.lock = PTHREAD_MUTEX_INITIALIZER, .loop = {.epoll = -1}};

struct flight *flight_new(int sock, const char *class, uid_t uid, uint32_t each, int news)
{
	struct flight *f = calloc(1, sizeof(*f));
	if (!f)
		return NULL;
	struct flight_reader *r = flight_reader_get(class, uid);
	if (!r) {
		free(f);
		return NULL;
	}
	*f = (struct flight){.sock = sock, .each = each, .reader = r};
	f->ahead = (struct ahead){.whom.reader = r, .news = news};
	return f;
}

/* What was charged and is read by now is released. */
static void settle(struct flight *f)
{
	flight_reader_release(f->reader, ahead_rest(&f->ahead, f->unread));
}

struct flight *flight_free(struct flight *f)
{
	if (!f)
		return NULL;
	ahead_done(&f->ahead);
	f->unread = 0;
	settle(f);
	flight_reader_put(f->reader);
	free(f);
	return NULL;
}

/*
 * What was read, and is not released yet, counts for what is sent now. Where several messages are
 * sent in a row more is charged ahead; flight_rest() releases it.
 */
static int charge(struct flight *f, uint32_t n)
{
	int r = ahead_want(&f->ahead, f->unread + n, n);
	f->unread += r == 0 ? n : 0;
	return r;
}

static void count(struct flight *f)
{
	int bytes = 0;
	if (f->unread == 0 || ioctl(f->sock, TIOCOUTQ, &bytes) < 0)
		return;
	uint32_t most_unread = (uint32_t)bytes / DATAGRAM_LEAST * f->each;
	if (most_unread < f->unread)
		f->unread = most_unread;
}

uint32_t flight_unread(struct flight *f)
{
	count(f);
	settle(f);
	return f->unread;
}

bool flight_has_room(struct flight *f, uint32_t most)
{
	count(f);
	return f->unread < most;
}

void flight_rest(struct flight *f)
{
	if (f && ahead_is_any(&f->ahead, f->unread))
		flight_unread(f);
}

bool flight_is_asking(const struct flight *f)
{
	return f && f->ahead.asked;
}

static bool passes(int error)
{
	return error == -ETOOMANYREFS || error == -EMFILE || error == -ENFILE ||
	       error == -ENOBUFS || error == -ENOMEM;
}

int flight_send(struct flight *f, const struct msg_hdr *m, const int *fds)
{
	int r = m->nfds > 0 ? charge(f, m->nfds) : 0;
	if (r < 0)
		return r;
	r = wire_send(f->sock, m, fds, MSG_DONTWAIT);
	if (r < 0 && m->nfds > 0)
		f->unread -= m->nfds;
	return passes(r) ? -EBUSY : r;
}

static void landed(struct flight *f)
{
	pthread_mutex_lock(&flights.lock);
	LIST_REMOVE(f, link);
	pthread_mutex_unlock(&flights.lock);
	fd_close(f->sock);
	flight_free(f);
}

static void look(void *owner, uint32_t events)
{
	struct flight *f = owner;
	(void)events;
	if (flight_unread(f) == 0)
		landed(f);
}

/*
 * Closing the socket later must not block: so what the other end sent is read away now, and nothing
 * more comes.
 */
static bool leave(struct flight *f)
{
	char data[64];
	ahead_done(&f->ahead); /* its eventfd may go */
	if (shutdown(f->sock, SHUT_RDWR) < 0)
		return false;
	for (ssize_t n = 1; n > 0 || (n < 0 && errno == ECONNRESET);)
		n = recv(f->sock, data, sizeof(data), MSG_DONTWAIT);
	pthread_mutex_lock(&flights.lock);
	f->source = (struct source){look, f};
	bool left = loop_watch(&flights.loop, f->sock, EPOLLOUT | EPOLLET, &f->source) == 0;
	if (left)
		LIST_INSERT_HEAD(&flights.left, f, link);
	pthread_mutex_unlock(&flights.lock);
	return left;
}

struct flight *flight_end(struct flight *f)
{
	if (!f || (flight_unread(f) > 0 && leave(f)))
		return NULL;
	fd_close(f->sock);
	return flight_free(f);
}

int flights_open(void)
{
	int r = loop_init(&flights.loop);
	return r < 0 ? r : flights.loop.epoll;
}

void flights_look(void)
{
	loop_turn(&flights.loop, 0);
}

bool flights_any(void)
{
	pthread_mutex_lock(&flights.lock);
	bool any = !LIST_EMPTY(&flights.left);
	pthread_mutex_unlock(&flights.lock);
	return any;
}
