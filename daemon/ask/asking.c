/* SPDX-License-Identifier: MIT */
#include "daemon/ask/asking.h"

#include <errno.h>
#include <string.h>
#include <sys/eventfd.h>
#include <time.h>

#include "base/clock.h"

#define WAIT_NS (300 * NS_A_SECOND) /* a NIC may take minutes to be made ready */

struct asking asking = {.lock = PTHREAD_MUTEX_INITIALIZER,
			.line = TAILQ_HEAD_INITIALIZER(asking.line),
			.link = -1};

void asking_amount(struct waiter *w, const union link_any *m)
{
	w->kind = w->type == LINK_CHARGE ? m->as_CHARGE.kind : 0;
	w->n = w->type == LINK_CHARGE   ? m->as_CHARGE.n
	       : w->type == LINK_FLIGHT ? m->as_FLIGHT.n
					: 0;
}

static int send_message(union link_any *m, uint16_t type, uint32_t serial)
{
	m->hdr.nfds = 0;
	m->hdr.type = type;
	m->hdr.size = link_bytes(type);
	m->hdr.serial = serial;
	m->hdr.error = 0;
	return unsent_or_send(&m->hdr);
}

static void tell_released(uint32_t kind)
{
	union link_any m = {.as_RELEASE = {.kind = kind, .n = asking.owed[kind]}};
	if (asking.owed[kind] > 0 && !asking.broken && send_message(&m, LINK_RELEASE, 0) == 0)
		asking.owed[kind] = 0;
}

static void tell_landed(void)
{
	union link_any m = {.as_LANDED = {.n = asking.owed_landed}};
	if (asking.owed_landed > 0 && !asking.broken && send_message(&m, LINK_LANDED, 0) == 0)
		asking.owed_landed = 0;
}

/* What is released before it is charged anew has to be told before, or it would be too much. */
int asking_send(union link_any *m, uint16_t type, uint32_t serial)
{
	if (type == LINK_CHARGE)
		tell_released(m->as_CHARGE.kind);
	if (type == LINK_FLIGHT)
		tell_landed();
	return send_message(m, type, serial);
}

void asking_release(uint32_t kind, uint64_t n)
{
	asking.amounts[kind] -= n;
	asking.owed[kind] += n;
	if (!unsent_any()) /* else it is told with what is less by then */
		tell_released(kind);
}

void asking_landed(uint32_t n)
{
	asking.in_flight -= n;
	asking.owed_landed += n;
	if (!unsent_any())
		tell_landed();
}

void asking_tell_owed(void)
{
	for (uint32_t kind = 0; kind < ACCOUNT_KINDS && !unsent_any(); kind++)
		tell_released(kind);
	if (!unsent_any())
		tell_landed();
}

void asking_add(struct waiter *w)
{
	if (++asking.serial == 0)
		asking.serial = 1;
	w->serial = asking.serial;
	LIST_INSERT_HEAD(&asking.waiters, w, link);
}

struct waiter *asking_find(uint32_t serial)
{
	struct waiter *w;
	LIST_FOREACH (w, &asking.waiters, link)
		if (w->serial == serial && w->result > 0)
			return w;
	return NULL;
}

void asking_converse(struct waiter *w, union link_any *m)
{
	union link_any request = *m; /* *m becomes the reply */
	uint64_t give_up_ns = clock_ns() + WAIT_NS;
	while (w->result > 0 && !asking.given_up) {
		uint64_t now = clock_ns();
		if (asking.broken)
			give_up_ns = now + WAIT_NS; /* the next broker has as long */
		uint64_t until = give_up_ns;
		if (now >= give_up_ns)
			break;
		if (!w->sent && !asking.broken) {
			w->sent = asking_send(&request, w->type, w->serial) == 0;
			/* The kernel is short of something, or the link is broken, as is found out
			 * soon. */
			until = w->sent ? until : now + AGAIN_NS;
		}
		const struct timespec at = {.tv_sec = (time_t)(until / NS_A_SECOND),
					    .tv_nsec = (long)(until % NS_A_SECOND)};
		pthread_cond_timedwait(&asking.came, &asking.lock, &at);
	}
	if (w->result > 0)
		w->result = -EPIPE;
}

void asking_over(struct waiter *w, int error)
{
	memset(w->reply, 0, sizeof(*w->reply));
	w->result = error;
	eventfd_write(w->news, 1);
}
