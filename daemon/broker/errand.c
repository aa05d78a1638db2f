/* SPDX-License-Identifier: MIT */
#include "daemon/broker/errand.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <time.h>

#include "base/clock.h"
#include "base/fd.h"
#include "daemon/broker/closing.h"
#include "daemon/broker/pump.h"
#include "daemon/grant/files.h"
#include "daemon/grant/kept.h"
#include "daemon/grant/rates.h"
#include "proto/wire.h"

#define PATIENCE_US 10000000u
#define ACCURACY_US 100000

/* ---- errands that wait, those of one payer in one line ---- */

static struct errand_line *line_find(const struct errands *all, uint64_t payer)
{
	struct errand_line *l;
	LIST_FOREACH (l, &all->lines, link)
		if (l->payer == payer)
			return l;
	return NULL;
}

static struct errand_line *line_get(struct errands *all, uint64_t payer)
{
	struct errand_line *l = line_find(all, payer);
	if (l)
		return l;
	l = malloc(sizeof(*l));
	if (!l)
		return NULL;
	*l = (struct errand_line){.payer = payer};
	TAILQ_INIT(&l->errands);
	LIST_INSERT_HEAD(&all->lines, l, link);
	return l;
}

static void line_put(struct errand_line *l)
{
	if (l->n > 0)
		return;
	LIST_REMOVE(l, link);
	free(l);
}

/* It waits no more, if it did. */
static void line_leave(struct errand *e)
{
	struct errand_line *l = e->line;
	e->patience = sd_event_source_disable_unref(e->patience);
	if (!l)
		return;
	TAILQ_REMOVE(&l->errands, e, waiting);
	e->line = NULL;
	l->n--;
	line_put(l);
}

/* ---- one errand ---- */

static void begin_again(struct pump *p, const union link_any *m);

static void errand_free(struct errand *e)
{
	struct pump *p = e->pump;
	LIST_REMOVE(e, link);
	p->n_errands--;
	line_leave(e);
	if (e->kind->drop)
		e->kind->drop(e);
	free(e);
}

/*
 * Once, if memory or watches (files.h) were too few. Its hand has ended: the errand has none until
 * it begins again.
 */
static bool begins_again(struct errand *e, const struct hand_reply *r)
{
	const union link_any m = {.hdr = e->request};
	if (e->again || r->fault != HAND_REFUSED || (r->error != -EDQUOT && r->error != -ENOSPC))
		return false;
	e->again = true;
	return closing_await(e->pump, &m, e->closed, begin_again);
}

static void over(struct errand *e, const struct hand_reply *r, int fd)
{
	struct served s = {.nfds = 0};
	if (begins_again(e, r)) {
		fd_close(fd);
		e->hand = NULL;
		return;
	}
	int error = e->kind->done ? e->kind->done(e, r, &fd, &s) : r->error;
	if (error != SERVED_LATER)
		served_send(e->pump, &s, &e->request, error);
	fd_close(fd);
	errand_free(e);
}

/* What a receive queue is registered with is shown at once. */
static bool is_all(const struct hand_job *job, uint32_t nfds)
{
	return job->kind != HAND_ZCRX || nfds == (job->zcrx.is_dmabuf ? 1 : 2);
}

int errand_charge(struct errand *e, const int *fds, uint32_t nfds)
{
	int r = is_all(&e->job, nfds) ? 0 : -EINVAL;
	if (e->shown == 0)
		e->closed = kept_closed(e->pump->who.user);
	for (uint32_t i = 0; i < nfds && r == 0; i++)
		r = e->shown < LINK_FILES_MAX
			    ? files_charge(e->pump->who.user, fds[i], e->bytes[e->shown++], e->why)
			    : -EINVAL;
	return r;
}

static int hand_shown(void *owner, const int *fds, uint32_t nfds)
{
	struct errand *e = owner;
	return e->kind->shown ? e->kind->shown(e, fds, nfds) : -EINVAL;
}

static void hand_done(void *owner, const struct hand_reply *r, int fd)
{
	over(owner, r, fd);
}

static const struct hand_calls calls = {.shown = hand_shown, .done = hand_done};

/* Takes the socket over. If the pump never gets it the hand's deadline ends the errand. */
static void give(struct errand *e, int sock)
{
	union link_any m = {.as_GIVE = {.serial = e->request.serial}};
	m.hdr.type = LINK_GIVE;
	m.hdr.size = link_bytes(LINK_GIVE);
	m.hdr.nfds = 1;
	(void)outbox_send(&e->pump->out, &m, &sock);
}

/*
 * Hands are limited for each user (account.h): a uid within a class. A hand that is stuck may
 * outlive all that is known of its user, so it has a number: a hash of the class's name (FNV-1a),
 * then the uid.
 */
static uint64_t payer(const struct client_identity *who)
{
	uint32_t hash = 2166136261u;
	for (const char *c = who->class; *c; c++)
		hash = (hash ^ (unsigned char)*c) * 16777619u;
	return (uint64_t)hash << 32 | who->uid;
}

static int launch(struct errand *e)
{
	struct pump *p = e->pump;
	int pair[2] = {-1, -1}, inherits[HAND_FDS_MAX], r = 0;
	unsigned n = 0;
	if (e->kind->gives && socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
		return -errno;
	if (e->kind->gives)
		inherits[n++] = pair[0];
	if (e->kind->links)
		inherits[n++] = p->far_end;
	if (e->kind->takes)
		inherits[n++] = p->pidfd;
	const struct hand_order order = {.job = &e->job,
					 .fds = inherits,
					 .nfds = n,
					 .payer = payer(&p->who),
					 .deadline_ms = e->kind->deadline_ms,
					 .calls = &calls,
					 .owner = e};
	r = hand_start(&e->hand, p->all_errands->hands, &order);
	if (r == 0 && e->kind->begun)
		e->kind->begun(e);
	if (r == 0 && e->kind->gives)
		give(e, fd_steal(&pair[1]));
	if (r == 0 && !e->kind->links && hand_is_new(e->hand))
		rates_link(p->who.user, LINK_COST_HAND, clock_ns());
	wire_close(pair, 2);
	return r;
}

static const struct hand_reply crowded = {.fault = HAND_CROWDED, .error = -EBUSY};

static int patience_over(sd_event_source *source, uint64_t usec, void *data)
{
	(void)source;
	(void)usec;
	over(data, &crowded, -1);
	return 0;
}

/*
 * Returns 0, -EBUSY if too many of its payer wait already, or another negative errno. What the
 * broker itself wants of a pump that it takes over is not counted: that pump would be ended.
 */
static int queue(struct errand *e)
{
	struct errands *all = e->pump->all_errands;
	struct errand_line *l = line_get(all, payer(&e->pump->who));
	if (!l)
		return -ENOMEM;
	int r = l->n >= ERRANDS_WAITING_MAX && !e->kind->links ? -EBUSY : 0;
	if (r == 0)
		r = sd_event_add_time_relative(all->event, &e->patience, CLOCK_MONOTONIC,
					       PATIENCE_US, ACCURACY_US, patience_over, e);
	if (r < 0) {
		line_put(l);
		return r;
	}
	TAILQ_INSERT_TAIL(&l->errands, e, waiting);
	e->line = l;
	l->n++;
	return 0;
}

/* May the payer have another hand now? Otherwise the errand waits in its line. */
static bool may_have_hand(const struct errands *all, uint64_t payer)
{
	return hands_held(all->hands, payer) < HANDS_EACH_MAX;
}

/* A negative errno: it is not begun. */
static int begin(struct errand *e)
{
	const struct pump *p = e->pump;
	return may_have_hand(p->all_errands, payer(&p->who)) ? launch(e) : queue(e);
}

/* Memory of its user's has been given back since it was refused. */
static void begin_again(struct pump *p, const union link_any *m)
{
	struct errand *e;
	LIST_FOREACH (e, &p->errands, link)
		if (e->request.serial == m->hdr.serial && e->again && !e->hand && !e->line)
			break;
	if (!e)
		return;
	if (e->kind->drop)
		e->kind->drop(e);
	e->shown = 0;
	*e->why = '\0';
	int r = begin(e);
	if (r < 0)
		over(e,
		     r == -EBUSY ? &crowded : &(struct hand_reply){.fault = HAND_DIED, .error = r},
		     -1);
}

int errand_start(struct pump *p, const struct msg_hdr *request, const struct errand *wish)
{
	if (p->n_errands >= ERRANDS_EACH_MAX)
		return -EBUSY;
	struct errand *e = malloc(sizeof(*e));
	if (!e)
		return -ENOMEM;
	*e = *wish;
	e->pump = p;
	e->request = *request;
	LIST_INSERT_HEAD(&p->errands, e, link);
	p->n_errands++;
	int r = begin(e);
	if (r == -EBUSY)
		over(e, &crowded, -1);
	else if (r < 0)
		errand_free(e);
	return r < 0 && r != -EBUSY ? r : SERVED_LATER;
}

/* Starts those of the payer's errands that can start: no user waits for another one. */
static void hand_gone(void *data, uint64_t payer)
{
	struct errands *all = data;
	const struct errand_line *l;
	while ((l = line_find(all, payer)) && may_have_hand(all, payer)) {
		struct errand *e = TAILQ_FIRST(&l->errands);
		line_leave(e);
		int r = launch(e);
		if (r < 0)
			over(e, &(struct hand_reply){.fault = HAND_DIED, .error = r}, -1);
	}
}

void errands_forget(struct pump *p)
{
	struct errand *e;
	while ((e = LIST_FIRST(&p->errands))) {
		if (e->hand)
			hand_forget(e->hand);
		errand_free(e);
	}
}

int errands_init(struct errands *all, sd_event *event, const char *program)
{
	*all = (struct errands){.event = event};
	LIST_INIT(&all->lines);
	return hands_new(&all->hands, event, program, hand_gone, all);
}

void errands_done(struct errands *all)
{
	all->hands = hands_free(all->hands);
}
