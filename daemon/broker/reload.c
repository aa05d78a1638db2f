/* SPDX-License-Identifier: MIT */
#include "daemon/broker/reload.h"

#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <systemd/sd-daemon.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fd.h"
#include "daemon/broker/pump_tell.h"
#include "daemon/common/log.h"

#define TELL_NS   1000000000ull
#define LOOK_USEC 2000ull
#define LATE_USEC 1000ull /* so much later at most: for sd-event 0 is 250 ms */

static void load(void *data)
{
	struct reload *r = data;
	r->result = r->read(&r->fresh, r->options);
}

static void begin(struct reload *r)
{
	r->reading = true;
	r->again = false;
	work_start(&r->work, load, r, r->over);
}

static int hangup(sd_event_source *source, const struct signalfd_siginfo *info, void *data)
{
	struct reload *r = data;
	(void)source;
	(void)info;
	sd_notifyf(0, "RELOADING=1\nMONOTONIC_USEC=%" PRIu64, clock_ns() / 1000);
	r->again = r->reading;
	if (!r->reading)
		begin(r);
	return 0;
}

/* A bad file changes nothing. */
static void apply(struct reload *r)
{
	bool same = r->result == 0 && config_same_start(r->started, &r->fresh);
	int error = r->result < 0 ? r->result : broker_reload(r->broker, &r->fresh);
	if (error < 0)
		log_error("the configuration was not read again: what held before still holds");
	else if (!same)
		log_warn(
			"the classes were read again; for [sockets], [zcrx] and [nic] restart zcrxd");
	else
		log_info("the configuration was read again");
}

/*
 * A pump refuses by itself what its class may not do, so the reload is over when all know it. Who
 * does not read its link holds nobody up.
 */
static int look(sd_event_source *source, uint64_t usec, void *data)
{
	struct reload *r = data;
	(void)usec;
	if (!pumps_have_policy(&r->broker->pumps) && clock_ns() < r->told_ns + TELL_NS) {
		sd_event_source_set_time_relative(source, LOOK_USEC);
		return sd_event_source_set_enabled(source, SD_EVENT_ONESHOT);
	}
	r->telling = sd_event_source_disable_unref(r->telling);
	if (!r->reading)
		sd_notify(0, "READY=1");
	return 0;
}

static void wait_until_told(struct reload *r)
{
	r->told_ns = clock_ns();
	if (!r->telling && sd_event_add_time_relative(r->broker->event, &r->telling,
						      CLOCK_MONOTONIC, 0, LATE_USEC, look, r) < 0)
		sd_notify(0, "READY=1");
}

static int loaded(sd_event_source *source, int fd, uint32_t events, void *data)
{
	struct reload *r = data;
	eventfd_t count;
	(void)source;
	(void)events;
	eventfd_read(fd, &count);
	if (!r->reading || !work_is_over(&r->work))
		return 0;
	work_join(&r->work);
	r->reading = false;
	if (!r->again)
		apply(r);
	config_done(&r->fresh);
	if (r->again)
		begin(r);
	else
		wait_until_told(r);
	return 0;
}

int reload_init(struct reload *r, sd_event *event)
{
	r->over = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (r->over < 0)
		return -errno;
	int error = sd_event_add_io(event, NULL, r->over, EPOLLIN, loaded, r);
	if (error >= 0)
		error = sd_event_add_signal(event, NULL, SIGHUP, hangup, r);
	return error < 0 ? error : 0;
}

bool reload_done(struct reload *r)
{
	if (r->reading && !work_is_over(&r->work))
		return false;
	if (r->reading) {
		work_join(&r->work);
		config_done(&r->fresh);
	}
	r->telling = sd_event_source_disable_unref(r->telling);
	r->over = fd_close(r->over);
	return true;
}
