/* SPDX-License-Identifier: MIT */
#include "daemon/broker/accepting.h"

#include <errno.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/size.h"
#include "daemon/broker/admission.h"
#include "daemon/broker/listening.h"
#include "daemon/broker/pump_start.h"
#include "daemon/common/log.h"
#include "daemon/grant/log_client.h"
#include "proto/reason.h"

#define REST_USEC 1000000ull

/*
 * At each listening socket 250 connections a second are accepted, however many come: nobody makes
 * the control thread work for more of those that it refuses. Others wait at the socket, where there
 * is room for BACKLOG (listening.c), in the order in which they came. So at most so many are before
 * a newcomer: that takes a quarter of a second.
 */
#define ACCEPT_USEC 40000ull
#define ACCEPT_MAX  10u

/* The class whose socket this listener is; "": it is the shared socket. */
static const char *socket_class(const struct accepting *a, int listener)
{
	const struct class_socket *s;
	LIST_FOREACH (s, &a->listeners->classes, link)
		if (s->fd == listener)
			return s->class;
	return "";
}

/* text: a sentence more exact than the reason's, or "". */
static void refuse(struct accepting *a, int listener, int sock, uint32_t reason, const char *text)
{
	refusals_add(&a->refusals, sock, socket_class(a, listener), reason, text,
		     listening_was_open(listener, sock));
}

static void client_accepted(struct accepting *a, int listener, int sock)
{
	struct client_identity who = {0};
	char why[LIMITS_SAID_BYTES] = "";
	int r = admission_get(sock, socket_class(a, listener), &who, why);
	if (r == 0) {
		r = pump_start(a->pumps, sock, ++a->next_id, &who);
		if (r < 0)
			admission_over(&who);
	}
	if (r < 0) {
		log_client(6, who.uid, who.class, LOG_CONNECTION_REFUSED,
			   "a client (uid %u, class %s) was refused: %s", (unsigned)who.uid,
			   *who.class ? who.class : "-",
			   r == -EPERM    ? "it is of the user that zcrxd runs as"
			   : r == -EACCES ? "it is of no class"
			   : *why         ? why
					  : strerrordesc_np(-r));
		refuse(a, listener, sock, admission_reason(r), why);
		return;
	}
	fd_close(sock); /* does not wait, whatever the client sent: the pump has the socket, too */
	log_client(7, who.uid, who.class, LOG_CONNECTED, "client %u: pid %d, uid %u, class %s",
		   a->next_id, (int)who.pid, (unsigned)who.uid, who.class);
}

static void listen_enable(struct accepting *a, int enabled)
{
	struct class_socket *s;
	enabled = a->held ? SD_EVENT_OFF : enabled;
	for (size_t i = 0; i < ARRAY_LENGTH(a->listeners->sources); i++)
		sd_event_source_set_enabled(a->listeners->sources[i], enabled);
	LIST_FOREACH (s, &a->listeners->classes, link)
		sd_event_source_set_enabled(s->source, enabled);
}

static int rest_over(sd_event_source *source, uint64_t usec, void *data)
{
	struct accepting *a = data;
	(void)source;
	(void)usec;
	if (a->spare < 0)
		a->spare = eventfd(0, EFD_CLOEXEC);
	listen_enable(a, SD_EVENT_ON);
	return 0;
}

/* Who cannot be accepted stays there; without a rest the listeners would be looked at all the time.
 */
static void rest(struct accepting *a)
{
	log_client(4, geteuid(), "", LOG_EXHAUSTED,
		   "out of file descriptors or memory; raise LimitNOFILE of zcrxd.service");
	/* Without a timer nothing would end the rest. */
	if (sd_event_source_set_time_relative(a->rest, REST_USEC) >= 0 &&
	    sd_event_source_set_enabled(a->rest, SD_EVENT_ONESHOT) >= 0)
		listen_enable(a, SD_EVENT_OFF);
}

static bool exhausted(int error)
{
	return error == EMFILE || error == ENFILE || error == ENOMEM || error == ENOBUFS;
}

/* There is no descriptor left for a client; with the spare one it can at least be told so. */
static void spare_use(struct accepting *a, int listener)
{
	a->spare = fd_close(a->spare);
	int sock = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
	if (sock >= 0)
		refuse(a, listener, sock, REASON_DAEMON_LIMIT, "");
	rest(a);
}

static int clients_ready(sd_event_source *source, int fd, uint32_t events, void *data)
{
	struct accepting *a = data;
	(void)events;
	if (refusals_full(&a->refusals, socket_class(a, fd)))
		return sd_event_source_set_enabled(source, SD_EVENT_OFF);
	int sock = accept4(fd, NULL, NULL, SOCK_CLOEXEC);
	if (sock >= 0 && a->closed)
		refuse(a, fd, sock, REASON_SHUTDOWN, "");
	else if (sock >= 0)
		client_accepted(a, fd, sock);
	else if (exhausted(errno))
		spare_use(a, fd);
	return 0;
}

static bool is_resting(const struct accepting *a)
{
	int enabled = SD_EVENT_OFF;
	sd_event_source_get_enabled(a->rest, &enabled);
	return enabled != SD_EVENT_OFF;
}

static int ended_ready(sd_event_source *source, int fd, uint32_t events, void *data)
{
	struct accepting *a = data;
	eventfd_t count;
	(void)source;
	(void)events;
	eventfd_read(fd, &count);
	if (refusals_reap(&a->refusals) && !is_resting(a))
		listen_enable(a, SD_EVENT_ON);
	a->on_ended(a->ended_data);
	return 0;
}

static int status_ready(sd_event_source *source, int fd, uint32_t events, void *data)
{
	struct accepting *a = data;
	(void)events;
	if (refusals_full(&a->refusals, STATUS_SOCKET))
		return sd_event_source_set_enabled(source, SD_EVENT_OFF);
	if (exhausted(-status_accept(a->status, fd)))
		rest(a);
	return 0;
}

static int clients_add(struct accepting *a, sd_event_source **ret, int fd)
{
	int r = sd_event_add_io(a->event, ret, fd, EPOLLIN, clients_ready, a);
	return r < 0 ? r : sd_event_source_set_ratelimit(*ret, ACCEPT_USEC, ACCEPT_MAX);
}

int accepting_classes(struct accepting *a)
{
	struct class_socket *s;
	int r = 0;
	LIST_FOREACH (s, &a->listeners->classes, link)
		if (!s->source && r >= 0)
			r = clients_add(a, &s->source, s->fd);
	return r;
}

int accepting_begin(struct accepting *a)
{
	struct listeners *l = a->listeners;
	int r = clients_add(a, &l->sources[0], l->clients);
	if (r >= 0)
		r = sd_event_add_io(a->event, &l->sources[1], l->status, EPOLLIN, status_ready, a);
	if (r >= 0)
		r = sd_event_source_set_ratelimit(l->sources[1], ACCEPT_USEC, ACCEPT_MAX);
	if (r >= 0)
		r = sd_event_add_time(a->event, &a->rest, CLOCK_MONOTONIC, 0, 0, rest_over, a);
	if (r >= 0)
		r = sd_event_source_set_enabled(a->rest, SD_EVENT_OFF);
	return r < 0 ? r : accepting_classes(a);
}

int accepting_init(struct accepting *a)
{
	a->ended = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	a->spare = eventfd(0, EFD_CLOEXEC);
	if (a->ended < 0 || a->spare < 0)
		return -errno;
	refusals_init(&a->refusals, a->ended);
	int r = sd_event_add_io(a->event, NULL, a->ended, EPOLLIN, ended_ready, a);
	return r < 0 ? r : 0;
}

void accepting_hold(struct accepting *a, bool held)
{
	a->held = held;
	if (held)
		listen_enable(a, SD_EVENT_OFF);
	else if (!is_resting(a))
		listen_enable(a, SD_EVENT_ON);
}

void accepting_done(struct accepting *a)
{
	sd_event_source_disable_unref(a->rest);
	a->spare = fd_close(a->spare);
	a->ended = fd_close(a->ended);
}
