/* SPDX-License-Identifier: MIT */
#include "daemon/broker/hand.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>
#include <sys/wait.h>
#include <time.h>

#include "base/container.h"
#include "base/fd.h"
#include "daemon/broker/hand_process.h"
#include "daemon/broker/strays.h"
#include "proto/wire.h"

#define USEC_A_MS   1000u
#define ACCURACY_US 1000
#define IDLE_MS     200u /* for so long a hand waits for the next job */

struct hand {
	LIST_ENTRY(hand) link;
	struct hands *all;
	uint64_t payer;
	struct hand_process process;
	sd_event_source *reply, *deadline, *end;
	bool killed;
	struct stray stray;             /* if its process cannot be watched */
	bool idle;                      /* its job is over, and it takes another one */
	bool again;                     /* it has had a job before */
	const struct hand_calls *calls; /* NULL: it was done, or nobody wants to know */
	void *owner;
};

struct hands {
	sd_event *loop;
	char *program;
	LIST_HEAD(, hand) list;
	struct strays strays; /* of hands that are not watched */
	void (*gone)(void *data, uint64_t payer);
	void *data;
};

static void hand_free(struct hand *h)
{
	LIST_REMOVE(h, link);
	sd_event_source_disable_unref(h->reply);
	sd_event_source_disable_unref(h->deadline);
	sd_event_source_disable_unref(h->end);
	hand_process_done(&h->process);
	free(h);
}

static void hand_kill(struct hand *h)
{
	h->killed = true;
	h->idle = false;
	hand_process_kill(&h->process);
}

void hands_kill(struct hands *all)
{
	struct hand *h;
	LIST_FOREACH (h, &all->list, link)
		hand_kill(h);
}

struct hands *hands_free(struct hands *all)
{
	struct hand *h;
	if (!all)
		return NULL;
	strays_done(&all->strays);
	while ((h = LIST_FIRST(&all->list))) {
		hand_kill(h);
		hand_free(h);
	}
	sd_event_unref(all->loop);
	free(all->program);
	free(all);
	return NULL;
}

unsigned hands_held(const struct hands *all, uint64_t payer)
{
	const struct hand *h;
	unsigned n = 0;
	LIST_FOREACH (h, &all->list, link)
		n += h->payer == payer && !h->idle;
	return n;
}

static struct hand *idle_find(const struct hands *all, uint64_t payer)
{
	struct hand *h;
	LIST_FOREACH (h, &all->list, link)
		if (h->payer == payer && h->idle)
			return h;
	return NULL;
}

static int deadline_set(struct hand *h, uint64_t ms)
{
	int r = sd_event_source_set_time_relative(h->deadline, ms * USEC_A_MS);
	return r < 0 ? r : sd_event_source_set_enabled(h->deadline, SD_EVENT_ONESHOT);
}

/* ---- the answer ---- */

/* One hand of each payer's waits for another job. Returns false if this one cannot. */
static bool rest(struct hand *h)
{
	if (h->killed || idle_find(h->all, h->payer) || deadline_set(h, IDLE_MS) < 0)
		return false;
	h->idle = true;
	if (h->all->gone) /* the payer may have another hand now */
		h->all->gone(h->all->data, h->payer);
	return true;
}

/* The socket is closed last, after the descriptor that came by it (hand_process.h). */
static void answer(struct hand *h, const struct hand_reply *reply, int fd)
{
	const struct hand_calls *calls = h->calls;
	h->calls = NULL;
	h->idle = false;
	if (calls)
		calls->done(h->owner, reply, fd);
	else
		fd_close(fd);
	if (calls && reply->again && rest(h))
		return;
	h->reply = sd_event_source_disable_unref(h->reply);
	hand_process_hang_up(&h->process);
}

static void shown(struct hand *h, struct hand_message *m)
{
	bool is_wanted = h->calls && h->calls->shown;
	int error = !is_wanted     ? -ECANCELED
		    : m->truncated ? -EMFILE
		    : m->nfds == 0 ? -EINVAL
				   : h->calls->shown(h->owner, m->fds, m->nfds);
	wire_close(m->fds, m->nfds);
	hand_process_tell(&h->process, error);
}

/* Reads the hand's next message. Returns false if none has come. */
static bool answer_read(struct hand *h)
{
	struct hand_message m;
	if (!hand_process_read(&h->process, &m))
		return false;
	if (m.reply.fault == HAND_SHOWN) {
		shown(h, &m);
		return true;
	}
	uint32_t kept = m.nfds > 0 && !m.truncated;
	if (m.truncated && m.reply.error == 0)
		m.reply = (struct hand_reply){.fault = HAND_KERNEL, .error = -EMFILE};
	wire_close(&m.fds[kept], m.nfds - kept);
	answer(h, &m.reply, kept ? m.fds[0] : -1);
	return true;
}

static int reply_ready(sd_event_source *source, int fd, uint32_t events, void *data)
{
	(void)source;
	(void)fd;
	(void)events;
	answer_read(data);
	return 0;
}

/* The process has to be gone by now, whether it has answered or not. */
static int deadline_over(sd_event_source *source, uint64_t usec, void *data)
{
	struct hand *h = data;
	(void)source;
	(void)usec;
	hand_kill(h);
	if (h->calls)
		answer(h, &(struct hand_reply){.fault = HAND_LATE, .error = -ETIMEDOUT}, -1);
	return 0;
}

/* Its process has ended and was waited for. */
static void process_gone(struct hand *h)
{
	struct hands *all = h->all;
	uint64_t payer = h->payer;
	hand_free(h);
	if (all->gone)
		all->gone(all->data, payer);
}

static int process_over(sd_event_source *source, int fd, uint32_t events, void *data)
{
	struct hand *h = data;
	siginfo_t info;
	(void)source;
	(void)events;
	waitid(P_PIDFD, (id_t)fd, &info, WEXITED | WNOHANG);
	while (h->calls && answer_read(h))
		;
	if (h->calls)
		answer(h, &(struct hand_reply){.fault = HAND_DIED, .error = -EIO}, -1);
	process_gone(h);
	return 0;
}

/* ---- processes that cannot be watched ---- */

static void stray_gone(struct stray *s)
{
	process_gone(container_of(s, struct hand, stray));
}

/*
 * The process is killed, and counts for its payer until it has ended. Nobody can wait for that
 * here, since it may be stuck already.
 */
static void unwatched(struct hand *h)
{
	h->calls = NULL;
	h->reply = sd_event_source_disable_unref(h->reply);
	h->deadline = sd_event_source_disable_unref(h->deadline);
	h->end = sd_event_source_disable_unref(h->end);
	h->killed = true;
	hand_process_hang_up(&h->process);
	strays_lend(&h->all->strays, &h->stray, h->process.pid, stray_gone);
}

/* ---- the start ---- */

static int process_watch(struct hand *h, uint64_t deadline_ms)
{
	sd_event *loop = h->all->loop;
	const struct hand_process *p = &h->process;
	int r = sd_event_add_io(loop, &h->reply, p->sock, EPOLLIN, reply_ready, h);
	if (r >= 0)
		r = sd_event_add_io(loop, &h->end, p->pidfd, EPOLLIN, process_over, h);
	if (r >= 0)
		r = sd_event_add_time_relative(loop, &h->deadline, CLOCK_MONOTONIC,
					       deadline_ms * USEC_A_MS, ACCURACY_US, deadline_over,
					       h);
	return r < 0 ? r : 0;
}

/* The payer's hand that waits for another job gets this one. NULL: there is none, or it cannot. */
static struct hand *idle_start(const struct hands *all, const struct hand_order *o)
{
	struct hand *h = idle_find(all, o->payer);
	if (!h)
		return NULL;
	h->idle = false;
	if (deadline_set(h, o->deadline_ms) < 0 ||
	    hand_process_job(&h->process, o->job, o->fds, o->nfds) < 0) {
		hand_kill(h);
		return NULL;
	}
	h->again = true;
	h->calls = o->calls;
	h->owner = o->owner;
	return h;
}

static int new_start(struct hand **ret, struct hands *all, const struct hand_order *o)
{
	struct hand *h = calloc(1, sizeof(*h));
	if (!h)
		return -ENOMEM;
	*h = (struct hand){.all = all,
			   .payer = o->payer,
			   .process = HAND_PROCESS_NULL,
			   .calls = o->calls,
			   .owner = o->owner};
	LIST_INSERT_HEAD(&all->list, h, link);
	int r = hand_process_start(&h->process, all->program, o->job, o->fds, o->nfds);
	if (r == 0)
		r = process_watch(h, o->deadline_ms);
	if (r == 0)
		*ret = h;
	else if (h->process.pid > 0)
		unwatched(h);
	else
		hand_free(h);
	return r;
}

int hands_new(struct hands **ret, sd_event *loop, const char *program,
	      void (*gone)(void *data, uint64_t payer), void *data)
{
	struct hands *all = calloc(1, sizeof(*all));
	char *path = strdup(program);
	int r = all && path ? strays_init(&all->strays, loop) : -ENOMEM;
	if (r < 0) {
		if (all)
			strays_done(&all->strays);
		free(all);
		free(path);
		return r;
	}
	all->loop = sd_event_ref(loop);
	all->program = path;
	all->gone = gone;
	all->data = data;
	LIST_INIT(&all->list);
	*ret = all;
	return 0;
}

int hand_start(struct hand **ret, struct hands *all, const struct hand_order *order)
{
	if (order->nfds > HAND_FDS_MAX)
		return -EINVAL;
	if (hands_held(all, order->payer) >= HANDS_EACH_MAX)
		return -EDQUOT;
	struct hand *h = idle_start(all, order);
	int r = h ? 0 : new_start(&h, all, order);
	if (r == 0 && ret)
		*ret = h;
	return r;
}

bool hand_is_new(const struct hand *h)
{
	return !h->again;
}

pid_t hand_pid(const struct hand *h)
{
	return h->process.pid;
}

void hand_forget(struct hand *h)
{
	h->calls = NULL;
	hand_kill(h);
}
