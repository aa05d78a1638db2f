/* SPDX-License-Identifier: MIT */
#include "daemon/broker/broker.h"
#include "daemon/grant/account.h"

#include <errno.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>

#include "base/clock.h"
#include "base/fd.h"
#include "base/size.h"
#include "daemon/broker/admission.h"
#include "daemon/broker/awaited.h"
#include "daemon/broker/listening.h"
#include "daemon/broker/pump_start.h"
#include "daemon/broker/pump_tell.h"
#include "daemon/broker/pumps.h"
#include "daemon/broker/pumps_take.h"
#include "daemon/common/log.h"
#include "daemon/common/work.h"
#include "daemon/grant/classes.h"
#include "daemon/grant/files.h"
#include "daemon/grant/leases.h"
#include "daemon/grant/log_client.h"
#include "proto/reason.h"

#define STOP_S    5u
#define REST_USEC 1000000ull

/* The class whose socket this listener is; "": it is the shared socket. */
static const char *socket_class(const struct broker *b, int listener)
{
	const struct class_socket *s;
	LIST_FOREACH (s, &b->listeners->classes, link)
		if (s->fd == listener)
			return s->class;
	return "";
}

/* text: a sentence more exact than the reason's, or "". */
static void refuse(struct broker *b, int listener, int sock, uint32_t reason, const char *text)
{
	refusals_add(&b->refusals, sock, socket_class(b, listener), reason, text,
		     listening_was_open(listener, sock));
}

static void client_accepted(struct broker *b, int listener, int sock)
{
	struct client_identity who = {0};
	char why[LIMITS_SAID_BYTES] = "";
	int r = admission_get(sock, socket_class(b, listener), &who, why);
	if (r == 0) {
		r = pump_start(&b->pumps, sock, ++b->next_id, &who);
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
		refuse(b, listener, sock, admission_reason(r), why);
		return;
	}
	fd_close(sock); /* does not wait, whatever the client sent: the pump has the socket, too */
	log_client(7, who.uid, who.class, LOG_CONNECTED, "client %u: pid %d, uid %u, class %s",
		   b->next_id, (int)who.pid, (unsigned)who.uid, who.class);
}

static void listen_enable(struct broker *b, int enabled)
{
	struct class_socket *s;
	enabled = b->held ? SD_EVENT_OFF : enabled;
	for (size_t i = 0; i < ARRAY_LENGTH(b->listeners->sources); i++)
		sd_event_source_set_enabled(b->listeners->sources[i], enabled);
	LIST_FOREACH (s, &b->listeners->classes, link)
		sd_event_source_set_enabled(s->source, enabled);
}

static int rest_over(sd_event_source *source, uint64_t usec, void *data)
{
	struct broker *b = data;
	(void)source;
	(void)usec;
	if (b->spare < 0)
		b->spare = eventfd(0, EFD_CLOEXEC);
	listen_enable(b, SD_EVENT_ON);
	return 0;
}

/* Who cannot be accepted stays there; without a rest the listeners would be looked at all the time.
 */
static void rest(struct broker *b)
{
	log_client(4, geteuid(), "", LOG_EXHAUSTED,
		   "out of file descriptors or memory; raise LimitNOFILE of zcrxd.service");
	listen_enable(b, SD_EVENT_OFF);
	sd_event_source_set_time_relative(b->rest, REST_USEC);
	sd_event_source_set_enabled(b->rest, SD_EVENT_ONESHOT);
}

static bool exhausted(int error)
{
	return error == EMFILE || error == ENFILE || error == ENOMEM || error == ENOBUFS;
}

/* There is no descriptor left for a client; with the spare one it can at least be told so. */
static void spare_use(struct broker *b, int listener)
{
	b->spare = fd_close(b->spare);
	int sock = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
	if (sock >= 0)
		refuse(b, listener, sock, REASON_DAEMON_LIMIT, "");
	rest(b);
}

static int clients_ready(sd_event_source *source, int fd, uint32_t events, void *data)
{
	struct broker *b = data;
	(void)events;
	if (refusals_full(&b->refusals, socket_class(b, fd)))
		return sd_event_source_set_enabled(source, SD_EVENT_OFF);
	int sock = accept4(fd, NULL, NULL, SOCK_CLOEXEC);
	if (sock >= 0 && b->stopping)
		refuse(b, fd, sock, REASON_SHUTDOWN, "");
	else if (sock >= 0)
		client_accepted(b, fd, sock);
	else if (exhausted(errno))
		spare_use(b, fd);
	return 0;
}

static bool is_resting(const struct broker *b)
{
	int enabled = SD_EVENT_OFF;
	sd_event_source_get_enabled(b->rest, &enabled);
	return enabled != SD_EVENT_OFF;
}

static bool is_empty(const struct broker *b)
{
	return TAILQ_EMPTY(&b->pumps.list) && !refusals_any(&b->refusals);
}

static void pumps_gone(void *data)
{
	struct broker *b = data;
	if (b->stopping && is_empty(b))
		sd_event_exit(b->event, 0);
}

static int ended_ready(sd_event_source *source, int fd, uint32_t events, void *data)
{
	struct broker *b = data;
	eventfd_t count;
	(void)source;
	(void)events;
	eventfd_read(fd, &count);
	if (refusals_reap(&b->refusals) && !is_resting(b))
		listen_enable(b, SD_EVENT_ON);
	if (b->stopping && is_empty(b))
		sd_event_exit(b->event, 0);
	return 0;
}

static int status_ready(sd_event_source *source, int fd, uint32_t events, void *data)
{
	struct broker *b = data;
	(void)events;
	if (refusals_full(&b->refusals, STATUS_SOCKET))
		return sd_event_source_set_enabled(source, SD_EVENT_OFF);
	if (exhausted(-status_accept(&b->status, fd)))
		rest(b);
	return 0;
}

static int log_due(sd_event_source *source, int fd, uint32_t events, void *data)
{
	(void)source;
	(void)fd;
	(void)events;
	(void)data;
	log_client_turn(clock_ns());
	return 0;
}

static int files_gone(sd_event_source *source, int fd, uint32_t events, void *data)
{
	(void)source;
	(void)fd;
	(void)events;
	(void)data;
	files_reap();
	return 0;
}

static int watch_files(struct broker *b)
{
	int due[2], r = files_init(due);
	for (int i = 0; i < 2 && r >= 0; i++)
		r = sd_event_add_io(b->event, NULL, due[i], EPOLLIN, files_gone, NULL);
	return r;
}

static int listen_to_classes(struct broker *b)
{
	struct class_socket *s;
	int r = 0;
	LIST_FOREACH (s, &b->listeners->classes, link)
		if (!s->source && r >= 0)
			r = sd_event_add_io(b->event, &s->source, s->fd, EPOLLIN, clients_ready, b);
	return r;
}

static int listen_to(struct broker *b, struct listeners *l)
{
	int r = sd_event_add_io(b->event, &l->sources[0], l->clients, EPOLLIN, clients_ready, b);
	if (r >= 0)
		r = sd_event_add_io(b->event, &l->sources[1], l->status, EPOLLIN, status_ready, b);
	if (r >= 0)
		r = sd_event_add_time(b->event, &b->rest, CLOCK_MONOTONIC, 0, 0, rest_over, b);
	if (r >= 0)
		r = sd_event_source_set_enabled(b->rest, SD_EVENT_OFF);
	return r < 0 ? r : listen_to_classes(b);
}

static int modules_init(struct broker *b, const struct config *config, bool verbose)
{
	int r = pumps_init(&b->pumps, b->event, verbose, config->clients);
	b->pumps.orphan_seconds = (uint32_t)config->orphan_seconds;
	b->pumps.on_empty = pumps_gone;
	b->pumps.empty_data = b;
	if (r == 0)
		r = status_init(&b->status, b->event, &b->pumps, &b->refusals);
	return r;
}

/* Watches what is due at any time: counts for the log, refusals, files that have gone. */
static int sources_add(struct broker *b)
{
	b->ended = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	b->spare = eventfd(0, EFD_CLOEXEC);
	if (b->ended < 0 || b->spare < 0)
		return -errno;
	refusals_init(&b->refusals, b->ended);
	int r = log_client_init();
	if (r == 0)
		r = sd_event_add_io(b->event, NULL, log_client_fd(), EPOLLIN, log_due, b);
	if (r >= 0)
		r = sd_event_add_io(b->event, NULL, b->ended, EPOLLIN, ended_ready, b);
	return r < 0 ? r : watch_files(b);
}

int broker_init(struct broker *b, sd_event *event, struct listeners *l, struct config *config,
		bool verbose)
{
	*b = (struct broker){.event = event, .listeners = l};
	int r = modules_init(b, config, verbose);
	if (r == 0)
		r = classes_set(&config->policy);
	if (r == 0)
		r = sources_add(b);
	if (r >= 0)
		b->next_id = pumps_take(&b->pumps);
	if (leases_any())
		leases_settle();
	if (r >= 0)
		pumps_await(&b->pumps);
	if (r >= 0)
		r = listen_to(b, l);
	if (r >= 0 && leases_any())
		nic_watch_begin(&b->nics, b->event);
	return r < 0 ? r : 0;
}

int broker_reload(struct broker *b, struct config *config)
{
	int r = b->stopping ? -ESHUTDOWN : listeners_add(b->listeners, config);
	if (r < 0)
		return r;
	listeners_drop(b->listeners, config);
	r = classes_set(&config->policy);
	if (r == 0)
		r = listen_to_classes(b);
	b->pumps.orphan_seconds = (uint32_t)config->orphan_seconds;
	pumps_policy(&b->pumps);
	return r;
}

static const char *why_not_ended(const struct pump *p)
{
	return p->dead ? "its hardware queues are being given back"
		       : "its pump is stuck, most likely in one of the client's sockets";
}

static const struct awaiting ends = {.what = "the end of zcrxd",
				     .left = "did not end in time, and zcrxd ends without it",
				     .seconds = STOP_S,
				     .why = why_not_ended};

static int takes_long(sd_event_source *source, uint64_t usec, void *data)
{
	struct broker *b = data;
	(void)source;
	(void)usec;
	awaited_tell(&b->pumps, &ends);
	if (refusals_any(&b->refusals))
		log_info("%s waits for connections that were refused, %u seconds at most",
			 ends.what, STOP_S);
	return 0;
}

static int time_is_up(sd_event_source *source, uint64_t usec, void *data)
{
	struct broker *b = data;
	(void)source;
	(void)usec;
	return sd_event_exit(b->event, 0);
}

void broker_stop(struct broker *b)
{
	if (b->stopping)
		return;
	b->stopping = true;
	pumps_stop(&b->pumps);
	if (is_empty(b)) {
		sd_event_exit(b->event, 0);
		return;
	}
	sd_event_add_time_relative(b->event, NULL, CLOCK_MONOTONIC, AWAITED_USEC, 0, takes_long, b);
	sd_event_add_time_relative(b->event, NULL, CLOCK_MONOTONIC, STOP_S * 1000000ull, 0,
				   time_is_up, b);
}

void broker_hold(struct broker *b, bool held)
{
	if (b->held == held)
		return;
	b->held = held;
	pumps_hold(&b->pumps, held);
	if (held)
		listen_enable(b, SD_EVENT_OFF);
	else if (!is_resting(b))
		listen_enable(b, SD_EVENT_ON);
}

const char *broker_is_busy(struct broker *b)
{
	refusals_reap(&b->refusals);
	if (refusals_any(&b->refusals))
		return "a connection that was refused does not end";
	if (!LIST_EMPTY(&b->status.readers))
		return "somebody reads the status";
	return work_any() ? "something that was asked for is under way" : NULL;
}

bool broker_done(struct broker *b)
{
	awaited_over(&b->pumps, &ends);
	pumps_kill(&b->pumps);
	status_done(&b->status);
	log_client_done();
	refusals_reap(&b->refusals);
	if (refusals_any(&b->refusals))
		log_warn("connections that were refused did not end: what was sent there is stuck");
	if (!is_empty(b))
		return false;
	pumps_done(&b->pumps);
	files_done();
	account_done();
	classes_done();
	sd_event_source_disable_unref(b->rest);
	nic_watch_done(&b->nics);
	b->spare = fd_close(b->spare);
	b->ended = fd_close(b->ended);
	return true;
}
