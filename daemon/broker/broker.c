/* SPDX-License-Identifier: MIT */
#include "daemon/broker/broker.h"
#include "daemon/grant/account.h"

#include <errno.h>
#include <sys/epoll.h>

#include "base/clock.h"
#include "daemon/broker/awaited.h"
#include "daemon/broker/pump_tell.h"
#include "daemon/broker/pumps.h"
#include "daemon/broker/pumps_take.h"
#include "daemon/common/log.h"
#include "daemon/common/work.h"
#include "daemon/grant/classes.h"
#include "daemon/grant/files.h"
#include "daemon/grant/leases.h"
#include "daemon/grant/log_client.h"

#define STOP_S 5u

static bool is_empty(const struct broker *b)
{
	return TAILQ_EMPTY(&b->pumps.list) && !refusals_any(&b->accepting.refusals);
}

/* A pump has ended, or a connection that was refused. */
static void somebody_gone(void *data)
{
	struct broker *b = data;
	if (b->stopping && is_empty(b))
		sd_event_exit(b->event, 0);
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
	files_reap(NULL);
	return 0;
}

static int watch_files(struct broker *b)
{
	int due[2], r = files_init(due);
	for (int i = 0; i < 2 && r >= 0; i++)
		r = sd_event_add_io(b->event, NULL, due[i], EPOLLIN, files_gone, NULL);
	return r;
}

static int modules_init(struct broker *b, const struct config *config, bool verbose)
{
	int r = pumps_init(&b->pumps, b->event, verbose, config->clients);
	b->pumps.orphan_seconds = (uint32_t)config->orphan_seconds;
	b->pumps.on_empty = somebody_gone;
	b->pumps.empty_data = b;
	if (r == 0)
		r = status_init(&b->status, b->event, &b->pumps, &b->accepting.refusals);
	return r;
}

/* Watches what is due at any time: counts for the log, refusals, files that have gone. */
static int sources_add(struct broker *b)
{
	int r = accepting_init(&b->accepting);
	if (r == 0)
		r = log_client_init();
	if (r == 0)
		r = sd_event_add_io(b->event, NULL, log_client_fd(), EPOLLIN, log_due, b);
	return r < 0 ? r : watch_files(b);
}

int broker_init(struct broker *b, sd_event *event, struct listeners *l, struct config *config,
		bool verbose)
{
	*b = (struct broker){.event = event,
			     .listeners = l,
			     .accepting = {.event = event,
					   .listeners = l,
					   .pumps = &b->pumps,
					   .status = &b->status,
					   .ended = -1,
					   .spare = -1,
					   .on_ended = somebody_gone,
					   .ended_data = b}};
	int r = modules_init(b, config, verbose);
	if (r == 0)
		r = classes_set(&config->policy);
	if (r == 0)
		r = sources_add(b);
	if (r >= 0)
		b->accepting.next_id = pumps_take(&b->pumps);
	if (leases_any())
		leases_settle();
	if (r >= 0)
		pumps_await(&b->pumps);
	if (r >= 0)
		r = accepting_begin(&b->accepting);
	if (r >= 0 && leases_any())
		nic_watch_begin(&b->nics, b->event);
	return r < 0 ? r : 0;
}

int broker_reload(struct broker *b, struct config *config)
{
	struct listeners *l = b->listeners;
	int r = b->stopping ? -ESHUTDOWN : class_sockets_add(&l->classes, l->made, config);
	if (r < 0)
		return r;
	class_sockets_drop(&l->classes, config);
	r = classes_set(&config->policy);
	if (r == 0)
		r = accepting_classes(&b->accepting);
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
	if (refusals_any(&b->accepting.refusals))
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

static void say_end(const struct pumps *pumps)
{
	const struct pump *p;
	uint32_t n = 0;
	TAILQ_FOREACH (p, &pumps->list, link)
		n += !p->dead && !p->over;
	if (n > 0)
		log_info("told to end; %u %s", n,
			 n == 1 ? "client loses its queues" : "clients lose their queues");
	else
		log_info("told to end");
}

void broker_stop(struct broker *b)
{
	if (b->stopping)
		return;
	say_end(&b->pumps);
	b->stopping = b->accepting.closed = true;
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
	if (b->accepting.held == held)
		return;
	pumps_hold(&b->pumps, held);
	accepting_hold(&b->accepting, held);
}

const char *broker_is_busy(struct broker *b)
{
	refusals_reap(&b->accepting.refusals);
	if (refusals_any(&b->accepting.refusals))
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
	refusals_reap(&b->accepting.refusals);
	if (refusals_any(&b->accepting.refusals))
		log_warn("connections that were refused did not end: what was sent there is stuck");
	if (!is_empty(b))
		return false;
	pumps_done(&b->pumps);
	files_done();
	account_done();
	classes_done();
	accepting_done(&b->accepting);
	nic_watch_done(&b->nics);
	return true;
}
