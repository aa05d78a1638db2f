/* SPDX-License-Identifier: MIT */
#include "daemon/broker/nic_watch.h"

#include <sys/epoll.h>
#include <sys/eventfd.h>

#include "base/size.h"
#include "daemon/common/log.h"
#include "daemon/grant/leases.h"
#include "nic/netlink.h"

#define ACCURACY_US 1000 /* by default it is a quarter of a second */

static void look(struct nic_watch *w)
{
	uint64_t next_ns = leases_look();
	if (next_ns == UINT64_MAX)
		return;
	sd_event_source_set_time(w->timer, next_ns / 1000 + 1);
	sd_event_source_set_enabled(w->timer, SD_EVENT_ONESHOT);
}

static int timer_over(sd_event_source *source, uint64_t usec, void *data)
{
	(void)source;
	(void)usec;
	look(data);
	return 0;
}

static int changed(sd_event_source *source, int fd, uint32_t events, void *data)
{
	struct nic_watch *w = data;
	bool any = false;
	(void)source;
	(void)fd;
	(void)events;
	for (size_t i = 0; i < ARRAY_LENGTH(w->kernel); i++)
		any |= w->kernel[i] && netlink_drain(w->kernel[i]);
	if (!any)
		return 0;
	leases_changed();
	look(w);
	return 0;
}

static int owed(sd_event_source *source, int fd, uint32_t events, void *data)
{
	eventfd_t count;
	(void)source;
	(void)events;
	eventfd_read(fd, &count);
	look(data);
	return 0;
}

void nic_watch_begin(struct nic_watch *w, sd_event *event)
{
	if (netlink_listen(&w->kernel[0], NULL, NULL) < 0 ||
	    netlink_listen(&w->kernel[1], "ethtool", "monitor") < 0)
		log_warn("changes of network interfaces cannot be watched");
	for (size_t i = 0; i < ARRAY_LENGTH(w->kernel); i++)
		if (w->kernel[i])
			sd_event_add_io(event, NULL, netlink_fd(w->kernel[i]), EPOLLIN, changed, w);
	sd_event_add_io(event, NULL, leases_owing(), EPOLLIN, owed, w);
	sd_event_add_time(event, &w->timer, CLOCK_MONOTONIC, UINT64_MAX, ACCURACY_US, timer_over,
			  w);
}

void nic_watch_done(struct nic_watch *w)
{
	w->timer = sd_event_source_disable_unref(w->timer);
	for (size_t i = 0; i < ARRAY_LENGTH(w->kernel); i++)
		w->kernel[i] = netlink_close(w->kernel[i]);
}
