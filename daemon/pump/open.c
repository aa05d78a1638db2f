/* SPDX-License-Identifier: MIT */
#include "daemon/pump/open.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/eventfd.h>

#include "base/fd.h"
#include "daemon/backend/side.h"
#include "daemon/grant/lease.h"
#include "daemon/grant/leases.h"
#include "daemon/pump/choice.h"
#include "daemon/pump/pending.h"
#include "daemon/pump/queue.h"
#include "daemon/pump/queue_thread.h"
#include "daemon/pump/reply.h"
#include "proto/reason.h"
#include "proto/text.h"

/*
 * The request, and what has come of it so far. It is carried out on a thread of its own if it may
 * change a NIC or has to wait for locked memory: the client's queues go on. The client's other
 * requests wait meanwhile, so nobody else looks at the area.
 */
struct opening {
	struct choice choice;
	struct work work;
	bool is_starting; /* the queue's thread was started */
};

static uint32_t reply_fill(struct choice *ch)
{
	struct answer *a = &ch->answer;
	struct queue *q = ch->queue;
	struct msg_queue_open_reply *reply = &a->reply->queue_open_reply;
	reply->queue_id = q->id;
	reply->backend = q->backend->ops->number;
	reply->format = q->backend->ops->format;
	reply->buffer_bytes = q->buffer_bytes;
	if (q->lease) {
		const uint32_t *rxqs;
		uint32_t n;
		lease_where(q->lease, &reply->ifindex, &rxqs, &n);
		reply->rxq = rxqs[0];
	}
	reply->area_token = q->backend->area_token;
	reply->rings = q->rings.layout;
	reply->why_not = *q->why_not ? REASON_BACKEND : REASON_NONE;
	snprintf(reply->why_text, sizeof(reply->why_text), "%s", q->why_not);
	text_clean(reply->why_text, "");
	a->fds[0] = rings_cq_readonly(&q->rings);
	a->fds[1] = rings_rq_duplicate(&q->rings);
	a->fds[2] = ch->channel;
	a->nfds = 3;
	if (q->side)
		a->fds[a->nfds++] = side_readonly(q->side);
	bool all = a->fds[0] >= 0 && a->fds[1] >= 0 && a->fds[a->nfds - 1] >= 0;
	return all ? REASON_NONE : REASON_DAEMON_LIMIT;
}

static void run(void *data)
{
	struct opening *o = data;
	choice_make(&o->choice);
}

/* From the beginning, on a thread of its own. False, and nothing has changed: there is none. */
static bool run_aside(struct opening *o)
{
	struct choice before = o->choice;
	o->choice.wish = (struct queue_wish){.area = before.wish.area,
					     .poke = before.wish.poke,
					     .patient = true};
	answer_clear(&o->choice.answer);
	if (work_try(&o->work, run, o, before.client->poke))
		return true;
	o->choice = before;
	return false;
}

/* It found no memory, and has not waited for any yet. */
static bool is_short(const struct choice *ch)
{
	return !ch->queue && ch->answer.error == -ENOMEM && !ch->wish.patient;
}

/* Frees the request, and what came of it if the client does not get that. */
static void opening_free(struct opening *o)
{
	if (o->choice.queue) {
		fd_close(o->choice.channel);
		queue_free(o->choice.queue);
	} else {
		fd_close(o->choice.wish.poke);
	}
	free(o);
}

/* The reply before the thread, to which the queue belongs from then on. */
static int queue_begin(struct choice *ch)
{
	struct queue *q = ch->queue;
	int r = queue_show(q);
	if (r < 0)
		return r;
	if (reply_fill(ch))
		return -EMFILE;
	q->opening = true;
	return queue_thread_start(q);
}

static uint64_t finish(struct client *c, struct opening *o)
{
	struct choice ch = o->choice;
	opening_free(o);
	pending_finish(c, ch.reason, &ch.answer);
	return 0;
}

static uint64_t queue_failed(struct client *c, struct opening *o, int error)
{
	struct choice *ch = &o->choice;
	bool limit = error == -EMFILE || error == -EAGAIN || error == -EMLINK;
	for (uint32_t i = 0; i < ch->answer.nfds; i++)
		if (ch->answer.fds[i] != ch->channel)
			fd_close(ch->answer.fds[i]);
	ch->answer.nfds = 0;
	if (error == -EMLINK)
		answer_say(&ch->answer,
			   "A connection to zcrxd has at most %u queues: close some, or connect "
			   "once more for others.",
			   REPORT_QUEUES_MAX);
	ch->answer.error = error;
	ch->reason = limit ? REASON_DAEMON_LIMIT : REASON_KERNEL;
	return finish(c, o);
}

/* The thread has begun, or could not. */
static uint64_t starting_look(struct client *c, struct opening *o)
{
	struct queue *q = o->choice.queue;
	int r = queue_thread_started(q);
	if (r == 0)
		return LOOP_FOREVER;
	q->opening = false;
	if (r < 0) {
		work_join(&q->thread);
		return queue_failed(c, o, r);
	}
	struct choice ch = o->choice;
	free(o);
	pending_finish(c, ch.reason, &ch.answer);
	return 0;
}

static uint64_t look(struct client *c, uint64_t now_ns)
{
	struct opening *o = c->session.pending.opening;
	(void)now_ns;
	if (o->is_starting)
		return starting_look(c, o);
	if (c->done || !work_is_over(&o->work))
		return LOOP_FOREVER;
	work_join(&o->work);
	if (is_short(&o->choice) && run_aside(o))
		return LOOP_FOREVER;
	if (!o->choice.queue)
		return finish(c, o);
	int r = queue_begin(&o->choice);
	if (r < 0)
		return queue_failed(c, o, r);
	o->is_starting = true;
	return starting_look(c, o);
}

/* May wait for a NIC. A queue that has a thread is the client's, and gone by now. */
static void abandon(struct client *c)
{
	struct opening *o = c->session.pending.opening;
	work_join(&o->work);
	opening_free(o);
}

static const struct pending_kind kind = {.look = look, .abandon = abandon};

uint32_t open_queue(struct client *c, struct area *area, const struct msg_queue_open *m,
		    struct answer *a)
{
	uint32_t reason = choice_check(m, a);
	if (reason)
		return reason;
	if (!area)
		return REASON_NO_OBJECT;
	if (area->in_use)
		return REASON_BUSY;
	struct opening *o = calloc(1, sizeof(*o));
	int poke = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (!o || poke < 0) {
		fd_close(poke);
		free(o);
		return REASON_DAEMON_LIMIT;
	}
	o->choice = (struct choice){.client = c,
				    .message = *m,
				    .wish = {.area = area, .poke = poke},
				    .channel = -1,
				    .answer = reply_begin(c)};
	pending_begin(c, &m->hdr, &kind);
	c->session.pending.opening = o;
	bool may_block = leases_any() && m->backend != MSG_BACKEND_COPY;
	if (!may_block || !run_aside(o))
		work_do(&o->work, run, o, c->poke);
	return REQUEST_PENDING;
}
