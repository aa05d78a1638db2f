/* SPDX-License-Identifier: MIT */
/*
 * zcrx-pump: what one client has, in a process of its own, without any privilege. The broker
 * (zcrxd) starts it with the client's socket and the link, and nothing else.
 *
 * This thread reads the link and touches nothing that the client could make wait; the client and
 * its queues have threads of their own (client.h, queue_thread.h). The process ends when the client
 * has gone and has read, or dropped, every descriptor it was sent; or at once, when the client has
 * gone and there is no broker that counts these descriptors, or it ends.
 */
#include <errno.h>
#include <fcntl.h>
#include <malloc.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fd.h"
#include "daemon/ask/ask.h"
#include "daemon/common/log.h"
#include "daemon/common/may_wait.h"
#include "daemon/common/present.h"
#include "daemon/common/report.h"
#include "daemon/grant/log_client.h"
#include "daemon/link/start.h"
#include "daemon/pump/client.h"
#include "daemon/pump/flight.h"
#include "daemon/pump/lower.h"
#include "daemon/pump/next.h"
#include "daemon/pump/sandbox.h"
#include "proto/wire.h"

#define START_MS 10000 /* START and CLASS are sent before the process is started */

struct pump {
	struct client_identity who;
	uint32_t id;
	struct client *client; /* NULL: it has gone */
	struct report *report;
	int ended;          /* eventfd: the client's thread has ended */
	int flights;        /* what it has not read yet; or -1 */
	int unsent;         /* for the link, which has no room for it; or -1 */
	struct next next;   /* for the link of the next broker */
	uint32_t orphan_ms; /* for so long the client goes on without a broker */
	bool stopped;       /* the broker ends */
	bool foreign;       /* the broker's release is too far from this one: it is asked nothing */
	int64_t alone_until; /* there is no broker, and until then (clock.h) one may come; or -1 */
};

/* Returns 0 if the client has something that goes on. */
static int foreign_came(const struct pump *p)
{
	if (!p->id)
		return -EPROTO;
	log_client(4, p->who.uid, p->who.class, LOG_PUMP,
		   "the pump is of a release too far from zcrxd's: the client goes on, and gets "
		   "nothing new until it connects again");
	ask_give_up();
	return 0;
}

/* From the first broker; one that took the pump over says it, too, to be told what there is. */
static int on_start(struct pump *p, const struct link_start *m, int *fds)
{
	(void)fds;
	p->foreign = m->version < link_oldest || m->oldest > link_version;
	log_init(m->verbose);
	if (p->foreign)
		return foreign_came(p);
	ask_leases(m->leases);
	if (p->id) {
		ask_again();
		report_restart(p->report);
		return 0;
	}
	ask_zcrx_refused(m->zcrx_refused); /* the kernel stays the same */
	p->id = m->client;
	p->who = (struct client_identity){.pid = m->pid,
					  .uid = m->uid,
					  .gid = m->gid,
					  .user = ask_user()};
	snprintf(p->who.socket, sizeof(p->who.socket), "%s", m->socket);
	snprintf(p->who.class, sizeof(p->who.class), "%s", m->class);
	return 0;
}

static int on_class(struct pump *p, const struct link_class *m, int *fds)
{
	(void)fds;
	p->orphan_ms = m->orphan_seconds * 1000;
	int r = ask_class(m);
	/* Without memory for it the class before stays: the broker judges by the new one anyway. */
	return r == -ENOMEM && ask_has_class() ? 0 : r;
}

static int on_stop(struct pump *p, const struct link_nothing *m, int *fds)
{
	(void)fds;
	(void)m;
	p->stopped = true;
	if (p->client)
		client_stop(p->client, "zcrxd was told to end.");
	return 0;
}

static int on_give(struct pump *p, const struct link_give *m, int *fds)
{
	(void)p;
	ask_give(m->serial, fds[0]);
	return 0;
}

static int on_news(struct pump *p, const struct link_news *m, int *fds)
{
	(void)fds;
	(void)p;
	ask_news(m);
	return 0;
}

/* A message of the broker's, whose descriptors stay the caller's. Returns 0 or a negative errno. */
static int take(struct pump *p, const union link_any *m, int *fds)
{
	switch (m->hdr.type) {
#define TAKE_PUMP_TELLS(name, handler)
#define TAKE_PUMP_ASKS(name, handler)
#define TAKE_BROKER_TELLS(name, handler) \
	case LINK_##name:                \
		return on_##handler(p, &m->as_##name, fds);
#define X(name, handler, number, request, reply, least, most, back, who, ...) \
	TAKE_##who(name, handler)
		LINK_TABLE(X)
#undef X
	default:
		return -EBADMSG;
	}
}

/*
 * A message came without its descriptors, because this process may open no more. If it was a reply
 * whoever waits is told, else it is dropped.
 */
static void link_missed(union link_any *m)
{
	if (!m->hdr.serial)
		return;
	m->hdr.size = sizeof(m->hdr);
	m->hdr.nfds = 0;
	m->hdr.error = -EMFILE;
	ask_replied(m, sizeof(m->hdr), NULL, 0);
}

/* The next message. Returns 0, or a negative errno: then there is no broker any more. */
static int link_turn(struct pump *p)
{
	union link_any m;
	int fds[MSG_FDS_MAX];
	uint32_t nfds = 0;
	int n = wire_recv(START_LINK, &m.any, fds, &nfds, MSG_DONTWAIT);
	if (n == -EMFILE)
		link_missed(&m);
	if (n == -EAGAIN || n == -EINTR || n == -EMFILE || n == -ENOMEM || n == -ENOBUFS)
		return 0;
	if (n <= 0)
		return n < 0 ? n : -EPIPE;
	if (n >= (int)sizeof(m.hdr) && m.hdr.serial) {
		ask_replied(&m, (uint32_t)n, fds, nfds);
		return 0;
	}
	int r = link_check(&m, (uint32_t)n, nfds, false);
	if (r == 0 && (!p->foreign || m.hdr.type == LINK_STOP))
		r = take(p, &m, fds);
	wire_close(fds, nfds);
	return r == -EOPNOTSUPP ? 0 : r; /* of another release */
}

/* Sanitizers make calls that no sandbox of ours lets through. */
static int enclose(void)
{
#ifdef ZCRXD_SANITIZED
	return 0;
#else
	struct sandbox s;
	return sandbox_enter(&s);
#endif
}

/* START, and all of CLASS, which were sent together. */
static int begin(struct pump *p)
{
	struct pollfd in = {.fd = START_LINK, .events = POLLIN};
	int r = 0;
	while (r == 0 && !ask_has_class())
		r = poll(&in, 1, START_MS) == 1 ? link_turn(p) : -ETIMEDOUT;
	p->ended = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	p->flights = flights_open();
	p->unsent = ask_unsent_open();
	if (r == 0 && (p->ended < 0 || p->flights < 0 || p->unsent < 0))
		r = -EMFILE;
	if (r == 0)
		r = present_init();
	if (r == 0 || r == -EOPNOTSUPP) /* zcrxd has said so when it started */
		r = enclose();
	if (r == 0)
		r = report_open(&p->report, START_REPORT, true);
	if (r == 0)
		r = client_start(&p->client, START_CLIENT, p->id, &p->who, p->ended, p->report);
	return r;
}

static void client_gone(struct pump *p)
{
	p->client = (client_free(p->client), NULL);
	ask_over();
}

/* The next one gives this pump a link, if the pair for that is there by then. */
static void broker_gone(struct pump *p)
{
	p->alone_until = clock_until((int)p->orphan_ms);
	ask_break();
}

static void give_up(struct pump *p)
{
	p->alone_until = INT64_MAX;
	next_close(&p->next);
	ask_give_up();
	if (p->client)
		client_stop(p->client, "zcrxd ended, and no other came within orphan-seconds.");
}

static void broker_came(struct pump *p)
{
	if (!next_take(&p->next))
		return;
	p->alone_until = -1;
	p->foreign = false;
	ask_init(START_LINK);
}

static void serve(struct pump *p)
{
	eventfd_t count;
	while (p->client || flights_any()) {
		bool alone = p->alone_until >= 0;
		short room = ask_has_unsent() ? POLLOUT : 0;
		struct pollfd in[] = {{.fd = alone ? p->next.sock : START_LINK,
				       .events = POLLIN | (alone ? 0 : room)},
				      {.fd = p->ended, .events = POLLIN},
				      {.fd = p->flights, .events = POLLIN},
				      {.fd = p->unsent, .events = POLLIN}};
		int64_t until = alone && p->alone_until < p->next.at ? p->alone_until : p->next.at;
		poll(in, 4, clock_left(until));
		if (in[0].revents & POLLOUT)
			ask_send_unsent();
		if (alone && in[0].revents)
			broker_came(p);
		else if (in[0].revents && link_turn(p) < 0)
			broker_gone(p);
		if (clock_left(p->next.at) == 0)
			next_try(&p->next);
		if (p->alone_until >= 0 && clock_left(p->alone_until) == 0)
			give_up(p);
		if (in[2].revents)
			flights_look();
		if (p->client && eventfd_read(p->ended, &count) == 0)
			client_gone(p);
		if (!p->client && (p->alone_until >= 0 || p->stopped))
			return; /* nobody counts what is in flight */
	}
}

int main(void)
{
	struct pump p = {.ended = -1, .flights = -1, .unsent = -1, .alone_until = -1};
	/* NOLINTNEXTLINE(concurrency-mt-unsafe): there is one thread yet */
	if (fcntl(START_LINK, F_GETFD) < 0 || fcntl(START_CLIENT, F_GETFD) < 0 ||
	    fcntl(START_REPORT, F_GETFD) < 0) {
		fprintf(stderr, "zcrx-pump is started by zcrxd, one for each client.\n");
		return 2;
	}
	/* NOLINTNEXTLINE(concurrency-mt-unsafe): there is one thread yet */
	mallopt(M_ARENA_MAX, 1); /* its threads seldom allocate at the same time */
	may_wait_set(false);     /* this one takes the answers */
	ask_init(START_LINK);
	int r = next_init(&p.next); /* first: its number is free still */
	if (r == 0)
		r = lower_self();
	if (r == 0)
		r = begin(&p);
	if (r < 0) {
		log_client(3, p.who.uid, p.who.class, LOG_PUMP, "the pump cannot begin: %s",
			   strerrordesc_np(-r));
		return EXIT_FAILURE;
	}
	serve(&p);
	report_put(p.report);
	return EXIT_SUCCESS;
}
