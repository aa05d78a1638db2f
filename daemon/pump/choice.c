/* SPDX-License-Identifier: MIT */
#include "daemon/pump/choice.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/size.h"
#include "daemon/backend/charged.h"
#include "daemon/grant/attach.h"
#include "daemon/grant/holder.h"
#include "daemon/grant/kernel.h"
#include "daemon/grant/lease.h"
#include "daemon/pump/judge.h"
#include "nic/nic.h"
#include "proto/reason.h"
#include "proto/text.h"

#define CQ_ENTRIES_DEFAULT 1024u
#define CQ_ENTRIES_LEAST   URING_SQ_ENTRIES /* the kernel wants no fewer */
#define ENTRIES_MAX        32768u
#define ANEW_MAX           8

/* The name gets into sentences, so only what the kernel takes as a name passes. */
static bool is_nic(const struct msg_queue_open *m)
{
	return memchr(m->nic, '\0', sizeof(m->nic)) &&
	       (!*m->nic || (nic_name_is_valid(m->nic) && text_is_clean(m->nic)));
}

uint32_t choice_check(const struct msg_queue_open *m, struct answer *a)
{
	if (m->flags & ~MSG_QUEUE_NO_COPY)
		return REASON_UNKNOWN_FLAG;
	if ((m->backend && !backend_bit(m->backend)) || m->cq_entries > ENTRIES_MAX ||
	    m->rq_entries > ENTRIES_MAX || m->buffer_bytes > BACKEND_BUFFER_BYTES_MAX ||
	    m->rx_queues > LEASE_QUEUES_MAX)
		return REASON_VALUE;
	if (!is_nic(m)) {
		answer_say(a, "What was asked for as nic is not the name of an interface.");
		return REASON_VALUE;
	}
	return REASON_NONE;
}

/* Chooses the sizes for the backend. */
static uint32_t wish_size(struct choice *ch)
{
	const struct msg_queue_open *m = &ch->message;
	struct queue_wish *w = &ch->wish;
	w->buffer_bytes = w->ops->buffer_bytes(w->area->bytes, m->buffer_bytes);
	if (w->buffer_bytes > w->area->bytes) {
		answer_say(&ch->answer,
			   "The area is smaller than one buffer; make it larger or ask "
			   "for smaller buffers.");
		return REASON_VALUE;
	}
	uint32_t cq = m->cq_entries ? m->cq_entries : CQ_ENTRIES_DEFAULT;
	uint32_t rq = w->ops->refill_entries((uint32_t)(w->area->bytes / w->buffer_bytes));
	rq = m->rq_entries > rq ? m->rq_entries : rq;
	w->cq_entries = round_up_pow2(cq < CQ_ENTRIES_LEAST ? CQ_ENTRIES_LEAST : cq);
	w->rq_entries = round_up_pow2(rq > ENTRIES_MAX ? ENTRIES_MAX : rq);
	return REASON_NONE;
}

/* May the class use the backend, and do the sizes fit? */
static uint32_t wish_judge(struct choice *ch)
{
	uint32_t reason = judge_backend(ch->client, ch->wish.ops->number, &ch->answer);
	return reason ? reason : wish_size(ch);
}

/* Makes the queue. It takes over the lease, or ends it. */
static uint32_t open_judged(struct choice *ch)
{
	struct answer *a = &ch->answer;
	uint32_t reason;
	char why[ATTACH_WHY_BYTES] = "";
	ch->wish.why = why;
	int r = queue_new(&ch->queue, ch->client, &ch->wish, &ch->channel, &reason);
	ch->wish.why = NULL;
	ch->wish.lease = NULL;
	a->error = r;
	if (r == 0)
		return REASON_NONE;
	if (*why)
		answer_say(a, "%s", why);
	else if (r == -ENOSPC || r == -EPIPE)
		(void)charge_refused(r, a);
	return reason;
}

/* Says by whom the queue is held, as far as can be seen from here. False: by nobody. */
static bool held_by_another(struct answer *a, const char *nic, uint32_t rxq)
{
	char who[180];
	bool held = holder_say(nic, rxq, who, sizeof(who));
	if (held)
		answer_say(a, "Another program holds queue %u of %s: %s.", rxq, nic, who);
	return held;
}

static void kernel_refused(struct choice *ch, const char *nic, uint32_t rxq)
{
	struct answer *a = &ch->answer;
	bool busy = a->error == -EEXIST || a->error == -EBUSY;
	if (!busy || !held_by_another(a, nic, rxq))
		answer_say(a, "The kernel refused %s on queue %u of %s: %s. See zcrxctl doctor.",
			   backend_name(ch->wish.ops->number), rxq, nic,
			   strerrordesc_np(-a->error));
}

/* The best first; copy, the last, takes no hardware queue. */
static const struct backend_ops *const backends[] = {&backend_zcrx, &backend_devmem, &backend_copy};

uint64_t choice_area_bytes_most(void)
{
	uint64_t most = 0;
	for (size_t i = 0; i < ARRAY_LENGTH(backends); i++)
		if (backends[i]->area_bytes_max > most)
			most = backends[i]->area_bytes_max;
	return most;
}

/* What the backend cannot do, whatever the NIC can; NULL: nothing that is known in advance. */
static const char *cannot(const struct choice *ch)
{
	const struct backend_ops *ops = ch->wish.ops;
	if (ops == &backend_zcrx && ch->message.rx_queues > 1)
		return "The backend zcrx receives on one hardware queue; ask for one, or for devmem.";
	if (ops == &backend_devmem && ch->wish.area->dmabuf < 0)
		return "The backend devmem receives into dma-bufs only; bring one.";
	/* Who may not lease is told that, whatever the kernel. */
	if (ops == &backend_zcrx && ch->client->judged.class->nics.n > 0)
		return kernel_refuses_zcrx();
	return NULL;
}

/* Can the backend do what is wished? The answer says why not. */
static bool is_possible(struct choice *ch)
{
	const struct backend_ops *ops = ch->wish.ops;
	const char *why = cannot(ch);
	bool fits = ch->wish.area->bytes <= ops->area_bytes_max;
	if (why)
		answer_say(&ch->answer, "%s", why);
	else if (!fits)
		answer_say(&ch->answer,
			   "The backend %s receives into areas of at most %u GiB; take a smaller "
			   "one, or several.",
			   backend_name(ops->number), (unsigned)(ops->area_bytes_max >> 30));
	return !why && fits;
}

/* The reason for a lease's errno. */
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

/* Makes the queue with a backend that needs hardware queues. */
static uint32_t open_leased_once(struct choice *ch, const struct backend_ops *ops)
{
	char why[NIC_SENTENCE_BYTES];
	uint32_t ifindex, n;
	const uint32_t *rxqs;
	answer_clear(&ch->answer); /* it may be about another backend */
	ch->wish.ops = ops;
	if (!is_possible(ch))
		return REASON_BACKEND;
	uint32_t reason = wish_judge(ch);
	if (reason)
		return reason;
	struct lease_wish wish = {.class = ch->client->judged.class,
				  .user = ch->client->who.user,
				  .backend = ops->number,
				  .nic = ch->message.nic,
				  .n = ch->message.rx_queues ? ch->message.rx_queues : 1,
				  .poke = ch->wish.poke};
	int r = lease_take(&ch->wish.lease, &wish, why);
	if (r < 0) {
		answer_say(&ch->answer, "%s", why);
		return lease_refused(r);
	}
	const char *nic = lease_name(ch->wish.lease);
	lease_where(ch->wish.lease, &ifindex, &rxqs, &n);
	uint32_t rxq = rxqs[n - 1]; /* the one that others hold, if they hold any */
	reason = open_judged(ch);
	if (reason == REASON_KERNEL && ch->answer.error == -EFAULT)
		return REASON_AREA_MEMORY;
	if (reason == REASON_KERNEL && !*ch->answer.text)
		kernel_refused(ch, nic, rxq);
	return reason;
}

/*
 * If the broker is killed while a queue is registered nobody knows whether it was. That ring, or
 * that lease, is given up by then, and the next broker is asked for another one.
 */
static uint32_t open_leased(struct choice *ch, const struct backend_ops *ops)
{
	uint32_t reason = open_leased_once(ch, ops);
	for (int i = 0; i < ANEW_MAX && ch->answer.error == -ERESTART; i++)
		reason = open_leased_once(ch, ops);
	return reason;
}

static uint32_t open_copy(struct choice *ch)
{
	answer_clear(&ch->answer); /* it may be about another backend */
	if (!ch->wish.area->base)
		return REASON_AREA_KIND; /* with the reasons of the other backends */
	ch->wish.ops = &backend_copy;
	uint32_t reason = is_possible(ch) ? wish_judge(ch) : REASON_BACKEND;
	return reason ? reason : open_judged(ch);
}

/* Keeps the reasons of all backends that were tried, but none twice. */
static void why_not(struct choice *ch, const struct backend_ops *ops, uint32_t reason)
{
	struct queue_wish *w = &ch->wish;
	const char *text = *ch->answer.text ? ch->answer.text : reason_text(reason);
	size_t used = strlen(w->why_not);
	if (ops == &backend_devmem && w->area->dmabuf < 0)
		return; /* the client did not bring a dma-buf */
	if (used == 0)
		snprintf(w->why_not, sizeof(w->why_not), "%s", text);
	else if (strcmp(w->why_not, text) != 0)
		snprintf(w->why_not + used, sizeof(w->why_not) - used, " %s", text);
}

static uint32_t best(struct choice *ch)
{
	const struct msg_queue_open *m = &ch->message;
	bool copy = !(m->flags & MSG_QUEUE_NO_COPY);
	uint32_t reason = REASON_BACKEND;
	if (m->backend == MSG_BACKEND_COPY)
		return copy ? open_copy(ch) : reason;
	for (size_t i = 0; i < ARRAY_LENGTH(backends) && !backends[i]->copies; i++) {
		if (m->backend && m->backend != backends[i]->number)
			continue;
		reason = open_leased(ch, backends[i]);
		if (reason == REASON_NONE || reason == REASON_QUOTA || reason == REASON_SHUTDOWN ||
		    m->backend)
			return reason;
		why_not(ch, backends[i], reason);
	}
	if (copy)
		reason = open_copy(ch);
	if (!copy || reason == REASON_AREA_KIND)
		answer_say(&ch->answer, "%s", ch->wish.why_not);
	return reason;
}

void choice_make(struct choice *ch)
{
	ch->reason = best(ch);
}
