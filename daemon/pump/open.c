/* SPDX-License-Identifier: MIT */
#include "daemon/pump/open.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/fd.h"
#include "base/size.h"
#include "daemon/backend/side.h"
#include "daemon/grant/files.h"
#include "daemon/grant/kernel.h"
#include "daemon/grant/lease.h"
#include "daemon/grant/leases.h"
#include "daemon/pump/judge.h"
#include "daemon/pump/life.h"
#include "daemon/pump/pending.h"
#include "daemon/pump/queue.h"
#include "daemon/pump/reply.h"
#include "nic/holders.h"
#include "nic/nic.h"
#include "proto/reason.h"
#include "proto/text.h"

#define CQ_ENTRIES_DEFAULT 1024u
#define CQ_ENTRIES_LEAST   URING_SQ_ENTRIES /* the kernel wants no fewer */
#define ENTRIES_MOST       32768u

/*
 * The request, and what has come of it so far. It is carried out on a thread of its own if it may
 * change a NIC or has to wait for locked memory: the client's queues go on. The client's other
 * requests wait meanwhile, so nobody else looks at the area.
 */
struct opening {
	struct client *client;
	struct msg_queue_open message;
	struct answer answer;
	struct queue_wish wish;
	struct queue *queue;
	int channel;
	uint32_t reason;
	struct work work;
};

/* It gets into sentences: what the kernel would not take as a name does not. */
static bool is_nic(const struct msg_queue_open *m)
{
	return memchr(m->nic, '\0', sizeof(m->nic)) &&
	       (!*m->nic || (nic_name_is_valid(m->nic) && text_is_clean(m->nic)));
}

static uint32_t wish_check(const struct msg_queue_open *m, struct answer *a)
{
	if (m->flags & ~MSG_QUEUE_NO_COPY)
		return REASON_UNKNOWN_FLAG;
	if ((m->backend && !backend_bit(m->backend)) || m->cq_entries > ENTRIES_MOST ||
	    m->rq_entries > ENTRIES_MOST || m->buffer_bytes > BACKEND_BUFFER_BYTES_MAX ||
	    m->rx_queues > LEASE_QUEUES_MAX)
		return REASON_VALUE;
	if (!is_nic(m)) {
		answer_say(a, "What was asked for as nic is not the name of an interface.");
		return REASON_VALUE;
	}
	return REASON_NONE;
}

/* The sizes that go with the backend. */
static uint32_t wish_size(struct opening *o)
{
	const struct msg_queue_open *m = &o->message;
	struct queue_wish *w = &o->wish;
	w->buffer_bytes = w->ops->buffer_bytes(w->area->bytes, m->buffer_bytes);
	if (w->buffer_bytes > w->area->bytes) {
		answer_say(&o->answer, "The area is smaller than one buffer; make it larger or ask "
				       "for smaller buffers.");
		return REASON_VALUE;
	}
	uint32_t cq = m->cq_entries ? m->cq_entries : CQ_ENTRIES_DEFAULT;
	uint32_t rq = w->ops->refill_entries((uint32_t)(w->area->bytes / w->buffer_bytes));
	rq = m->rq_entries > rq ? m->rq_entries : rq;
	w->cq_entries = round_up_pow2(cq < CQ_ENTRIES_LEAST ? CQ_ENTRIES_LEAST : cq);
	w->rq_entries = round_up_pow2(rq > ENTRIES_MOST ? ENTRIES_MOST : rq);
	return REASON_NONE;
}

/* What the class and the sizes say to the backend. */
static uint32_t wish_judge(struct opening *o)
{
	uint32_t reason = judge_backend(o->client, o->wish.ops->number, &o->answer);
	return reason ? reason : wish_size(o);
}

/* Opens it; a lease is used up either way. */
static uint32_t open_judged(struct opening *o)
{
	uint32_t reason;
	o->answer.error = queue_new(&o->queue, o->client, &o->wish, &o->channel, &reason);
	o->wish.lease = NULL;
	if (o->answer.error == -ENOSPC)
		answer_say(&o->answer, FILES_TOO_MANY);
	return o->answer.error < 0 ? reason : REASON_NONE;
}

/* By whom, as far as that can be seen from here. False: by nobody. */
static bool held_by_another(struct answer *a, const char *nic, uint32_t rxq)
{
	struct nic_facts facts;
	struct nic_holders holders;
	char who[180];
	if (nic_gather_named(&facts, nic) < 0)
		return false;
	bool held = rxq < facts.n_queues && nic_queue_is_held(&facts.queues[rxq]);
	if (held) {
		nic_holders_get(&holders);
		nic_holders_say(&holders, &facts.queues[rxq], who, sizeof(who));
		nic_holders_done(&holders);
		answer_say(a, "Another program holds queue %u of %s: %s.", rxq, nic, who);
	}
	nic_done(&facts);
	return held;
}

static void kernel_refused(struct opening *o, const char *nic, uint32_t rxq)
{
	struct answer *a = &o->answer;
	bool busy = a->error == -EEXIST || a->error == -EBUSY;
	if (!busy || !held_by_another(a, nic, rxq))
		answer_say(a, "The kernel refused %s on queue %u of %s: %s. See zcrxctl doctor.",
			   backend_name(o->wish.ops->number), rxq, nic, strerrordesc_np(-a->error));
}

/* The best first; copy, the last, takes no hardware queue. */
static const struct backend_ops *const backends[] = {&backend_zcrx, &backend_devmem, &backend_copy};

uint64_t open_area_bytes_most(void)
{
	uint64_t most = 0;
	for (size_t i = 0; i < ARRAY_LENGTH(backends); i++)
		if (backends[i]->area_bytes_max > most)
			most = backends[i]->area_bytes_max;
	return most;
}

/* What the backend cannot do, whatever the NIC can; NULL: nothing that is known in advance. */
static const char *cannot(const struct opening *o)
{
	const struct backend_ops *ops = o->wish.ops;
	if (ops == &backend_zcrx && o->message.rx_queues > 1)
		return "The backend zcrx receives on one hardware queue; ask for one, or for devmem.";
	if (ops == &backend_devmem && o->wish.area->dmabuf < 0)
		return "The backend devmem receives into dma-bufs only; bring one.";
	/* Whoever may not lease is told that instead. */
	if (ops == &backend_zcrx && o->client->class->nics.n > 0)
		return kernel_refuses_zcrx();
	return NULL;
}

/* Can the backend do what is wished? The answer says why not. */
static bool is_possible(struct opening *o)
{
	const struct backend_ops *ops = o->wish.ops;
	const char *why = cannot(o);
	bool fits = o->wish.area->bytes <= ops->area_bytes_max;
	if (why)
		answer_say(&o->answer, "%s", why);
	else if (!fits)
		answer_say(&o->answer,
			   "The backend %s receives into areas of at most %u GiB; take a smaller "
			   "one, or several.",
			   backend_name(ops->number), (unsigned)(ops->area_bytes_max >> 30));
	return !why && fits;
}

/* Why there is no lease. */
static uint32_t lease_refused(int error)
{
	switch (error) {
	case -EACCES:
		return REASON_DENIED;
	case -EDQUOT:
		return REASON_QUOTA;
	case -ESHUTDOWN:
		return REASON_SHUTDOWN;
	case -ENOMEM:
		return REASON_DAEMON_LIMIT;
	default:
		return REASON_BACKEND;
	}
}

/* By a backend that takes hardware queues, if there are any and it works. */
static uint32_t open_leased(struct opening *o, const struct backend_ops *ops)
{
	char why[NIC_SENTENCE_BYTES];
	uint32_t ifindex, n;
	const uint32_t *rxqs;
	answer_clear(&o->answer); /* it may be about another backend */
	o->wish.ops = ops;
	if (!is_possible(o))
		return REASON_BACKEND;
	uint32_t reason = wish_judge(o);
	if (reason)
		return reason;
	struct lease_wish wish = {.class = o->client->class,
				  .user = o->client->who.user,
				  .nic = o->message.nic,
				  .n = o->message.rx_queues ? o->message.rx_queues : 1,
				  .poke = o->client->poke};
	int r = lease_take(&o->wish.lease, &wish, why);
	if (r < 0) {
		answer_say(&o->answer, "%s", why);
		return lease_refused(r);
	}
	const char *nic = lease_name(o->wish.lease);
	lease_where(o->wish.lease, &ifindex, &rxqs, &n);
	uint32_t rxq = rxqs[n - 1]; /* if others hold any, this one */
	reason = open_judged(o);
	if (reason == REASON_KERNEL)
		kernel_refused(o, nic, rxq);
	return reason;
}

static uint32_t open_copy(struct opening *o)
{
	answer_clear(&o->answer); /* it may be about another backend */
	if (!o->wish.area->base)
		return REASON_AREA_KIND; /* and why not better, as it was said */
	o->wish.ops = &backend_copy;
	uint32_t reason = is_possible(o) ? wish_judge(o) : REASON_BACKEND;
	return reason ? reason : open_judged(o);
}

/* Keeps the reasons of all backends that were tried, but none twice. */
static void why_not(struct opening *o, const struct backend_ops *ops, uint32_t reason)
{
	struct queue_wish *w = &o->wish;
	const char *text = *o->answer.text ? o->answer.text : reason_text(reason);
	size_t used = strlen(w->why_not);
	if (ops == &backend_devmem && w->area->dmabuf < 0)
		return; /* nobody expected it */
	if (used == 0)
		snprintf(w->why_not, sizeof(w->why_not), "%s", text);
	else if (strcmp(w->why_not, text) != 0)
		snprintf(w->why_not + used, sizeof(w->why_not) - used, " %s", text);
}

/* The best that works. */
static uint32_t open_best(struct opening *o)
{
	const struct msg_queue_open *m = &o->message;
	bool copy = !(m->flags & MSG_QUEUE_NO_COPY);
	uint32_t reason = REASON_BACKEND;
	if (m->backend == MSG_BACKEND_COPY)
		return copy ? open_copy(o) : reason;
	for (size_t i = 0; i < ARRAY_LENGTH(backends) && !backends[i]->copies; i++) {
		if (m->backend && m->backend != backends[i]->number)
			continue;
		reason = open_leased(o, backends[i]);
		if (reason == REASON_NONE || reason == REASON_QUOTA || reason == REASON_SHUTDOWN ||
		    m->backend)
			return reason;
		why_not(o, backends[i], reason);
	}
	if (copy)
		reason = open_copy(o);
	if (!copy || reason == REASON_AREA_KIND)
		answer_say(&o->answer, "%s", o->wish.why_not);
	return reason;
}

static uint32_t reply_fill(struct opening *o)
{
	struct answer *a = &o->answer;
	const struct queue *q = o->queue;
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
	a->fds[2] = o->channel;
	a->nfds = 3;
	if (q->side)
		a->fds[a->nfds++] = side_readonly(q->side);
	bool all = a->fds[0] >= 0 && a->fds[1] >= 0 && a->fds[a->nfds - 1] >= 0;
	return all ? REASON_NONE : REASON_DAEMON_LIMIT;
}

static void run(void *data)
{
	struct opening *o = data;
	o->reason = open_best(o);
}

/* On a thread of its own, from the beginning. False if there is none to be had. */
static bool run_aside(struct opening *o)
{
	struct queue_wish impatient = {.area = o->wish.area};
	o->answer = reply_begin(o->client);
	o->wish = impatient;
	o->wish.patient = true;
	if (work_try(&o->work, run, o, o->client->poke))
		return true;
	o->wish = impatient;
	return false;
}

/* It found no memory, and has not waited for any yet. */
static bool is_short(const struct opening *o)
{
	return !o->queue && o->answer.error == -ENOMEM && !o->wish.patient;
}

/* The queue, if there is one, becomes the client's. */
static void finish(struct opening *o)
{
	int r = queue_start(o->queue);
	if (r < 0) {
		fd_close(o->channel);
		queue_discard(o->queue);
		o->answer.error = r;
		o->reason = REASON_KERNEL;
		return;
	}
	o->reason = reply_fill(o);
	if (o->reason)
		life_close(o->queue);
}

static uint64_t look(struct client *c, uint64_t now_ns)
{
	struct opening *o = c->session.pending.opening;
	(void)now_ns;
	if (c->done || !work_is_over(&o->work))
		return LOOP_FOREVER;
	work_join(&o->work);
	if (is_short(o) && run_aside(o))
		return LOOP_FOREVER;
	if (o->queue)
		finish(o);
	pending_finish(c, o->reason, &o->answer);
	free(o);
	return 0;
}

/* May wait for a NIC. */
static void abandon(struct client *c)
{
	struct opening *o = c->session.pending.opening;
	work_join(&o->work);
	if (o->queue) {
		fd_close(o->channel);
		queue_discard(o->queue);
	}
	free(o);
}

static const struct pending_kind kind = {.look = look, .abandon = abandon};

uint32_t open_queue(struct client *c, struct area *area, const struct msg_queue_open *m,
		    struct answer *a)
{
	uint32_t reason = wish_check(m, a);
	if (reason)
		return reason;
	if (!area)
		return REASON_NO_OBJECT;
	if (area->in_use)
		return REASON_BUSY;
	struct opening *o = calloc(1, sizeof(*o));
	if (!o)
		return REASON_DAEMON_LIMIT;
	*o = (struct opening){.client = c,
			      .message = *m,
			      .answer = reply_begin(c),
			      .channel = -1,
			      .wish = {.area = area}};
	pending_begin(c, &m->hdr, &kind);
	c->session.pending.opening = o;
	bool may_block = leases_any() && m->backend != MSG_BACKEND_COPY;
	if (!may_block || !run_aside(o))
		work_do(&o->work, run, o, c->poke);
	return REQUEST_PENDING;
}
