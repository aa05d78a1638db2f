/* SPDX-License-Identifier: MIT */
#include "daemon/ask/ask.h"

#include <assert.h>
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>

#include "daemon/ask/asking.h"
#include "daemon/common/may_wait.h"
#include "daemon/grant/account.h"
#include "proto/wire.h"

static void cond_init(void)
{
	pthread_condattr_t attributes;
	pthread_condattr_init(&attributes);
	pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
	pthread_cond_init(&asking.came, &attributes);
	pthread_condattr_destroy(&attributes);
}

void ask_init(int link)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;
	pthread_once(&once, cond_init); /* when another broker comes, threads may wait on it */
	/* The next broker's link has the number of the last one's, which other threads read. */
	if (asking.link != link)
		asking.link = link;
}

/* Can nobody tell what came of the request, if a broker did not answer it? */
static bool is_void(const struct waiter *w)
{
	return w->sent && (w->type == LINK_ZCRX || w->type == LINK_DEVMEM);
}

int ask(union link_any *m, uint16_t type, const int *fds, int *ret_fds)
{
	struct waiter w = {.type = type,
			   .reply = m,
			   .fds = ret_fds,
			   .gives = fds,
			   .n_gives = fds ? link_given(type) : 0,
			   .news = -1,
			   .result = 1};
	assert(may_wait());
	asking_amount(&w, m);
	pthread_mutex_lock(&asking.lock);
	asking_add(&w);
	asking_converse(&w, m);
	LIST_REMOVE(&w, link);
	pthread_mutex_unlock(&asking.lock);
	if (w.result == -EPIPE || w.result == -ERESTART)
		memset(m, 0, sizeof(*m));
	return w.result;
}

void ask_why(char *why, const struct link_text *reply)
{
	if (why)
		snprintf(why, LIMITS_SAID_BYTES, "%.*s", (int)sizeof(reply->text) - 1, reply->text);
}

void ask_tell(union link_any *m, uint16_t type)
{
	pthread_mutex_lock(&asking.lock);
	/* Without a broker nobody is told: ask_again() tells the next one what there is. */
	(void)asking_send(m, type, 0);
	pthread_mutex_unlock(&asking.lock);
}

void ask_over(void)
{
	union link_any m = {.hdr.nfds = 0};
	pthread_mutex_lock(&asking.lock);
	asking.over = true;
	(void)asking_send(&m, LINK_OVER, 0);
	pthread_mutex_unlock(&asking.lock);
}

static void hand_over(struct waiter *w, const union link_any *m, uint32_t len, int *fds,
		      uint32_t nfds)
{
	memcpy(w->reply, m, sizeof(*m));
	owed_over(w);
	w->result = link_check_reply(m, len, nfds, w->type) < 0 ? -EBADMSG : m->hdr.error;
	if (w->result == 0 && w->type == LINK_CHARGE)
		asking.amounts[w->kind] += w->n;
	if (w->result == 0 && w->type == LINK_FLIGHT)
		asking.in_flight += (uint32_t)w->n;
	for (uint32_t i = 0; i < nfds && w->fds && w->result == 0; i++) {
		w->fds[i] = fds[i];
		fds[i] = -1;
	}
	if (w->news >= 0)
		eventfd_write(w->news, 1);
	if (w->disowned)
		disowned_over(w);
}

void ask_replied(const union link_any *m, uint32_t len, int *fds, uint32_t nfds)
{
	pthread_mutex_lock(&asking.lock);
	struct waiter *w = asking_find(m->hdr.serial);
	if (w && !w->reply)
		given_over(w, m->hdr.error);
	else if (w)
		hand_over(w, m, len, fds, nfds);
	owed_send();
	pthread_mutex_unlock(&asking.lock);
	pthread_cond_broadcast(&asking.came);
	wire_close(fds, nfds);
}

void ask_break(void)
{
	struct waiter *w, *next;
	pthread_mutex_lock(&asking.lock);
	asking.broken = true;
	asking.given_up = false;
	unsent_drop();
	for (w = LIST_FIRST(&asking.waiters); w; w = next) {
		next = LIST_NEXT(w, link);
		if (w->result > 0 && is_void(w))
			w->result = -ERESTART;
		w->sent = false;
		if (!w->reply)
			given_free(w); /* ask_again() tells the next broker the same anew */
		else if (w->disowned)
			disowned_over(w); /* the next broker has charged nothing */
		else if (w->owed)
			owed_return(w);
		else if (w->news >= 0 && w->result > 0)
			asking_over(w, -EPIPE);
	}
	pthread_cond_broadcast(&asking.came);
	pthread_mutex_unlock(&asking.lock);
}

void ask_again(void)
{
	union link_any m = {.as_HAVE = {.in_flight = 0}};
	ask_tell_files();
	pthread_mutex_lock(&asking.lock);
	memcpy(m.as_HAVE.amounts, asking.amounts, sizeof(asking.amounts));
	m.as_HAVE.in_flight = asking.in_flight;
	memset(asking.owed, 0, sizeof(asking.owed));
	asking.owed_landed = 0;
	asking.broken = asking_send(&m, LINK_HAVE, 0) < 0;
	owed_send();
	pthread_cond_broadcast(&asking.came);
	pthread_mutex_unlock(&asking.lock);
}

void ask_give_up(void)
{
	pthread_mutex_lock(&asking.lock);
	asking.broken = asking.given_up = true;
	owed_give_up();
	pthread_cond_broadcast(&asking.came);
	pthread_mutex_unlock(&asking.lock);
}

bool ask_is_answered(void)
{
	pthread_mutex_lock(&asking.lock);
	bool answered = !asking.broken;
	pthread_mutex_unlock(&asking.lock);
	return answered;
}

bool account_is_closed(void)
{
	pthread_mutex_lock(&asking.lock);
	bool closed = asking.given_up;
	pthread_mutex_unlock(&asking.lock);
	return closed;
}

/*
 * With the lock held: so HAVE, which ask_again() sends, has either the charge, and the release
 * follows it, or neither.
 */
void ask_release(uint32_t kind, uint64_t n)
{
	pthread_mutex_lock(&asking.lock);
	asking_release(kind, n);
	pthread_mutex_unlock(&asking.lock);
}

/* In one step: a HAVE between the two would say that the broker has the charge already. */
void ask_keep(uint32_t id)
{
	union link_any m = {.as_KEEP = {.id = id}};
	pthread_mutex_lock(&asking.lock);
	asking.amounts[ACCOUNT_AREAS]--;
	if (!asking.broken)
		(void)asking_send(&m, LINK_KEEP, 0);
	pthread_mutex_unlock(&asking.lock);
}

void ask_landed(uint32_t n)
{
	pthread_mutex_lock(&asking.lock);
	asking_landed(n);
	pthread_mutex_unlock(&asking.lock);
}
