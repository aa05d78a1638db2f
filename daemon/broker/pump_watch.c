/* SPDX-License-Identifier: MIT */
#include "daemon/broker/pump_watch.h"

#include <errno.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include "base/clock.h"
#include "daemon/broker/errand.h"
#include "daemon/broker/pump_end.h"
#include "daemon/broker/serve.h"
#include "daemon/broker/serve_lease_news.h"
#include "daemon/broker/serve_slow.h"
#include "daemon/common/log.h"
#include "daemon/grant/rates.h"

#define ACCURACY_US     1000
#define MESSAGES_A_TURN 64 /* of one pump; then others have their turn */

/* Of another release, perhaps. */
static void not_known(struct pump *p, const struct msg_hdr *m)
{
	const union link_any reply = {.hdr = {.size = sizeof(reply.hdr),
					      .type = m->type,
					      .serial = m->serial,
					      .error = -EOPNOTSUPP}};
	if (m->serial && outbox_send(&p->out, &reply, NULL) < 0)
		pump_break(p, "does not read its link");
}

static void message(struct pump *p, const union link_any *m, uint32_t len)
{
	static_assert(LINK_COST_MAX <= RATES_LINK_MOST,
		      "each message is counted for what it costs");
	int r = link_check(m, len, 0, true);
	rates_link(p->who.user, link_cost(m), clock_ns());
	if (r == -EBADMSG)
		pump_break(p, "sent what no pump sends");
	else if (r < 0)
		not_known(p, &m->hdr);
	else if (p->over && link_is_asked(m->hdr.type))
		pump_break(p, "asks on after its client has gone");
	else if (link_is_slow(m->hdr.type))
		serve_slow(p, m);
	else
		serve_message(p, m);
}

/*
 * There is no room for descriptors, so the kernel makes none of those that came: it lets go of
 * them. Returns the datagram's length, 0 at the end, or a negative errno; *m is zero behind it.
 */
static int receive(int sock, union link_any *m)
{
	ssize_t n = recv(sock, m, sizeof(*m), MSG_DONTWAIT | MSG_TRUNC);
	if (n < 0)
		return -errno;
	if ((size_t)n > sizeof(*m))
		return -EMSGSIZE;
	memset((char *)m + n, 0, sizeof(*m) - (size_t)n);
	return (int)n;
}

static int ready(sd_event_source *source, int fd, uint32_t events, void *data)
{
	struct pump *p = data;
	(void)events;
	for (int i = 0; i < MESSAGES_A_TURN && !p->broken && p->n_jobs < JOBS_MAX; i++) {
		union link_any m;
		if (!p->dead && !pump_may_go_on(p))
			return 0;
		int n = receive(fd, &m);
		if (n == -EAGAIN || n == -EINTR)
			return 0;
		if (n == 0 || n == -ECONNRESET) /* the process ends */
			return sd_event_source_set_enabled(source, SD_EVENT_OFF);
		if (n < (int)sizeof(m.hdr)) {
			pump_break(p, "sent what no pump sends");
			return 0;
		}
		message(p, &m, (uint32_t)n);
	}
	return 0;
}

static void ended(struct pump *p)
{
	p->dead = true;
	if (!p->broken)
		ready(p->io, p->sock, 0, p); /* what it said last */
	errands_forget(p);
	pump_read(p);
	sd_event_source_set_enabled(p->news, SD_EVENT_OFF);
	pump_wind_up(p);
}

/* The end of a pump that was taken over and is no child of this process. */
static int exited_elsewhere(sd_event_source *source, int fd, uint32_t events, void *data)
{
	(void)fd;
	(void)events;
	sd_event_source_set_enabled(source, SD_EVENT_OFF);
	ended(data);
	return 0;
}

static void say_end(const struct pump *p, const siginfo_t *info)
{
	bool left = info->si_code == CLD_EXITED;
	if (left && info->si_status == 0)
		return;
	log_warn("the pump of client %u (pid %d) %s %d%s", p->id, (int)p->who.pid,
		 left ? "ended with status" : "was killed by signal", info->si_status,
		 !left && info->si_status == SIGKILL
			 ? ": by somebody, or by the kernel for want of memory (its log says so)"
			 : "");
}

static int exited(sd_event_source *source, const siginfo_t *info, void *data)
{
	struct pump *p = data;
	(void)source;
	if (!p->broken)
		say_end(p, info);
	ended(p);
	return 0;
}

static int news(sd_event_source *source, int fd, uint32_t events, void *data)
{
	eventfd_t count;
	(void)source;
	(void)events;
	eventfd_read(fd, &count);
	struct pump *p = data;
	serve_lease_news(p);
	outbox_turn(&p->out, p->all->event);
	return 0;
}

static int rested(sd_event_source *source, uint64_t usec, void *data)
{
	struct pump *p = data;
	(void)source;
	(void)usec;
	p->resting = false;
	pump_read(p);
	return 0;
}

int pump_watch(struct pump *p, bool is_child)
{
	sd_event *event = p->all->event;
	int r = sd_event_add_io(event, &p->io, p->sock, EPOLLIN, ready, p);
	if (r >= 0)
		r = sd_event_add_time(event, &p->rest, CLOCK_MONOTONIC, 0, ACCURACY_US, rested, p);
	if (r >= 0)
		r = sd_event_source_set_enabled(p->rest, SD_EVENT_OFF);
	if (r >= 0)
		r = sd_event_add_io(event, &p->news, p->poke, EPOLLIN, news, p);
	if (r >= 0 && is_child)
		r = sd_event_add_child_pidfd(event, &p->exit, p->pidfd, WEXITED, exited, p);
	else if (r >= 0)
		r = sd_event_add_io(event, &p->exit, p->pidfd, EPOLLIN, exited_elsewhere, p);
	return r < 0 ? r : 0;
}
