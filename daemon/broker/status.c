/* SPDX-License-Identifier: MIT */
#include "daemon/broker/status.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>

#include "base/fd.h"
#include "daemon/broker/listening.h"
#include "daemon/broker/status_document.h"

#define READERS_MAX         64u /* at once; not counting root's */
#define READERS_OF_USER_MAX 4u
#define READER_USEC         5000000ull
#define PAUSE_USEC          100000ull /* between two documents, at least */
#define PAUSE_COSTS         4u        /* ... and so many times what one costs */
#define LATE_USEC           1000ull /* it lasts so much longer at most: for sd-event 0 is 250 ms */
#define BYTES_MAX           (8u << 20) /* of documents that are being read, but the newest */

/* Waits for its document, then for its peer to take that. */
struct reader {
	LIST_ENTRY(reader) link;
	struct status *status;
	uid_t uid;
	sd_event_source *io, *timer;
	int sock;
	bool was_open;             /* listening_was_open() */
	struct document *document; /* NULL: none is begun yet */
	size_t sent;
};

static void document_put(struct status *s, struct document *d)
{
	if (--d->readers > 0 || d == s->making)
		return;
	TAILQ_REMOVE(&s->documents, d, link);
	document_free(d);
}

static void reader_free(struct reader *r)
{
	LIST_REMOVE(r, link);
	sd_event_source_disable_unref(r->io);
	sd_event_source_disable_unref(r->timer);
	refusals_hang_up(r->status->refusals, r->sock, STATUS_SOCKET, r->was_open);
	if (r->document)
		document_put(r->status, r->document);
	free(r);
}

static int reader_ready(sd_event_source *source, int fd, uint32_t events, void *data)
{
	struct reader *r = data;
	const struct document *d = r->document;
	(void)source;
	(void)events;
	ssize_t n = send(fd, d->text + r->sent, d->bytes - r->sent, MSG_DONTWAIT | MSG_NOSIGNAL);
	if (n < 0 && errno == EAGAIN)
		return 0;
	if (n > 0)
		r->sent += (size_t)n;
	if (n <= 0 || r->sent == d->bytes)
		reader_free(r);
	return 0;
}

static int reader_late(sd_event_source *source, uint64_t usec, void *data)
{
	(void)source;
	(void)usec;
	reader_free(data);
	return 0;
}

static void reader_serve(struct reader *r)
{
	sd_event *event = r->status->event;
	if (!r->document->text ||
	    sd_event_add_io(event, &r->io, r->sock, EPOLLOUT, reader_ready, r) < 0 ||
	    sd_event_add_time_relative(event, &r->timer, CLOCK_MONOTONIC, READER_USEC, 0,
				       reader_late, r) < 0)
		reader_free(r);
}

/* Those of the oldest documents have had the most time. */
static void memory_limit(struct status *s)
{
	struct document *d, *oldest = TAILQ_FIRST(&s->documents);
	struct reader *r, *next;
	size_t bytes = 0;
	TAILQ_FOREACH (d, &s->documents, link)
		bytes += d->bytes;
	for (; oldest && bytes > BYTES_MAX + TAILQ_LAST(&s->documents, document_list)->bytes;
	     oldest = TAILQ_FIRST(&s->documents)) {
		bytes -= oldest->bytes;
		for (r = LIST_FIRST(&s->readers); r; r = next) {
			next = LIST_NEXT(r, link);
			if (r->document == oldest)
				reader_free(r);
		}
	}
}

static void waiting_drop(struct status *s)
{
	struct reader *r, *next;
	for (r = LIST_FIRST(&s->readers); r; r = next) {
		next = LIST_NEXT(r, link);
		if (!r->document)
			reader_free(r);
	}
}

/* For all that wait. */
static void document_begin(struct status *s)
{
	struct reader *r;
	uint64_t now = 0;
	sd_event_now(s->event, CLOCK_MONOTONIC, &now);
	struct document *d =
		document_new(s->pumps, &s->upgrades, (now - s->started_usec) / 1000000);
	if (!d) {
		waiting_drop(s);
		return;
	}
	LIST_FOREACH (r, &s->readers, link) {
		if (r->document)
			continue;
		r->document = d;
		d->readers++;
	}
	s->making = d;
	work_start(&s->work, document_make, d, s->made);
}

static bool any_waits(const struct status *s)
{
	const struct reader *r;
	LIST_FOREACH (r, &s->readers, link)
		if (!r->document)
			return true;
	return false;
}

static void begin_if_due(struct status *s)
{
	if (!s->making && !s->pausing && any_waits(s))
		document_begin(s);
}

static void pause_begin(struct status *s, uint64_t usec)
{
	s->pausing = sd_event_source_set_time_relative(s->pause, usec) >= 0 &&
		     sd_event_source_set_enabled(s->pause, SD_EVENT_ONESHOT) >= 0;
}

static int pause_over(sd_event_source *source, uint64_t usec, void *data)
{
	struct status *s = data;
	(void)source;
	(void)usec;
	s->pausing = false;
	begin_if_due(s);
	return 0;
}

static void document_publish(struct status *s)
{
	struct document *d = s->making;
	struct reader *r, *next;
	work_join(&s->work);
	s->making = NULL;
	TAILQ_INSERT_TAIL(&s->documents, d, link);
	d->readers++; /* this one, until all are served */
	for (r = LIST_FIRST(&s->readers); r; r = next) {
		next = LIST_NEXT(r, link);
		if (r->document == d)
			reader_serve(r);
	}
	uint64_t usec = d->cost_usec * PAUSE_COSTS;
	document_put(s, d);
	memory_limit(s);
	pause_begin(s, usec > PAUSE_USEC ? usec : PAUSE_USEC);
}

static int document_made(sd_event_source *source, int fd, uint32_t events, void *data)
{
	struct status *s = data;
	eventfd_t count;
	(void)source;
	(void)events;
	eventfd_read(fd, &count);
	if (s->making && work_is_over(&s->work))
		document_publish(s);
	begin_if_due(s);
	return 0;
}

int status_init(struct status *s, sd_event *event, struct pumps *pumps, struct refusals *refusals)
{
	*s = (struct status){.event = event, .pumps = pumps, .refusals = refusals};
	TAILQ_INIT(&s->documents);
	sd_event_now(event, CLOCK_MONOTONIC, &s->started_usec);
	s->made = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (s->made < 0)
		return -errno;
	int r = sd_event_add_io(event, &s->made_io, s->made, EPOLLIN, document_made, s);
	if (r >= 0)
		r = sd_event_add_time(event, &s->pause, CLOCK_MONOTONIC, 0, LATE_USEC, pause_over,
				      s);
	if (r >= 0)
		r = sd_event_source_set_enabled(s->pause, SD_EVENT_OFF);
	return r < 0 ? r : 0;
}

void status_done(struct status *s)
{
	if (s->making)
		document_publish(s);
	while (!LIST_EMPTY(&s->readers))
		reader_free(LIST_FIRST(&s->readers));
	s->pause = sd_event_source_disable_unref(s->pause);
	s->made_io = sd_event_source_disable_unref(s->made_io);
	s->made = fd_close(s->made);
}

/* Root, who is to find out what goes on, does not depend on others. */
static bool is_one_too_many(const struct status *s, uid_t uid)
{
	const struct reader *r;
	uint32_t all = 0, of_user = 0;
	LIST_FOREACH (r, &s->readers, link) {
		all++;
		of_user += r->uid == uid;
	}
	return of_user >= READERS_OF_USER_MAX || (all >= READERS_MAX && uid != 0);
}

int status_accept(struct status *s, int listener)
{
	int sock = accept4(listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
	if (sock < 0)
		return -errno;
	struct ucred who = {.uid = (uid_t)-1};
	socklen_t len = sizeof(who);
	getsockopt(sock, SOL_SOCKET, SO_PEERCRED, &who, &len);
	bool was_open = listening_was_open(listener, sock);
	struct reader *r = is_one_too_many(s, who.uid) ? NULL : calloc(1, sizeof(*r));
	if (!r) {
		refusals_hang_up(s->refusals, sock, STATUS_SOCKET, was_open);
		return 0;
	}
	*r = (struct reader){.status = s, .uid = who.uid, .sock = sock, .was_open = was_open};
	LIST_INSERT_HEAD(&s->readers, r, link);
	begin_if_due(s);
	return 0;
}
