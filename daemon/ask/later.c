/* SPDX-License-Identifier: MIT */
/* Requests that no thread waits for: those that this broker answers, and those that are owed to
 * whatever broker there is. */
#include <errno.h>
#include <stdlib.h>

#include "base/fd.h"
#include "daemon/ask/ask.h"
#include "daemon/ask/asking.h"

#define OWED_MAX 16u /* with the broker at a time; it keeps 128 replies for a pump */

struct ask_later {
	struct waiter waiter;
	union link_any m; /* the request, then the reply */
	int fd;           /* came with the reply; or -1 */
	int given;        /* what a hand is sent for the request; or -1 */
};

static void line_leave(struct waiter *w)
{
	TAILQ_REMOVE(&asking.line, w, turn);
	w->is_in_line = false;
	asking_add(w);
}

void owed_over(struct waiter *w)
{
	asking.n_owed -= w->owed;
	w->owed = false;
}

void owed_return(struct waiter *w)
{
	owed_over(w);
	LIST_REMOVE(w, link);
	w->is_in_line = true;
	TAILQ_INSERT_HEAD(&asking.line, w, turn);
}

void owed_send(void)
{
	struct waiter *w;
	while (!asking.broken && asking.n_owed < OWED_MAX && (w = TAILQ_FIRST(&asking.line))) {
		line_leave(w);
		w->owed = true;
		asking.n_owed++;
		w->sent = asking_send(w->reply, w->type, w->serial) == 0;
		if (!w->sent)
			return owed_return(w);
	}
}

void owed_give_up(void)
{
	struct waiter *w;
	while ((w = TAILQ_FIRST(&asking.line))) {
		line_leave(w);
		asking_over(w, -EPIPE);
	}
}

static struct ask_later *later_new(const union link_any *m, uint16_t type, int given, int news)
{
	struct ask_later *l = malloc(sizeof(*l));
	if (!l)
		return NULL;
	*l = (struct ask_later){.m = *m, .fd = -1, .given = given};
	l->waiter = (struct waiter){.type = type,
				    .reply = &l->m,
				    .fds = &l->fd,
				    .gives = &l->given,
				    .n_gives = given >= 0,
				    .news = news,
				    .result = 1};
	asking_amount(&l->waiter, m);
	return l;
}

int ask_later(struct ask_later **ret, const union link_any *m, uint16_t type, int news)
{
	struct ask_later *l = later_new(m, type, -1, news);
	if (!l)
		return -ENOMEM;
	pthread_mutex_lock(&asking.lock);
	asking_add(&l->waiter);
	int r = asking.broken ? -EPIPE : asking_send(&l->m, type, l->waiter.serial);
	pthread_mutex_unlock(&asking.lock);
	if (r < 0)
		ask_forget(l);
	else
		*ret = l;
	return r;
}

int ask_look(struct ask_later *l, int *ret_fd)
{
	pthread_mutex_lock(&asking.lock);
	owed_send(); /* perhaps the kernel was short of something */
	int r = l->waiter.result > 0 ? -EINPROGRESS : l->waiter.result;
	*ret_fd = fd_steal(&l->fd);
	pthread_mutex_unlock(&asking.lock);
	return r;
}

const union link_any *ask_reply(const struct ask_later *l)
{
	return &l->m;
}

static void later_free(struct ask_later *l)
{
	if (l->waiter.is_in_line)
		line_leave(&l->waiter);
	owed_over(&l->waiter);
	LIST_REMOVE(&l->waiter, link);
	fd_close(l->fd);
	free(l);
}

void ask_forget(struct ask_later *l)
{
	if (!l)
		return;
	pthread_mutex_lock(&asking.lock);
	later_free(l);
	pthread_mutex_unlock(&asking.lock);
}

void disowned_over(struct waiter *w)
{
	bool charged = w->result == 0;
	if (charged && w->type == LINK_CHARGE)
		asking_release(w->kind, w->n);
	if (charged && w->type == LINK_FLIGHT)
		asking_landed((uint32_t)w->n);
	later_free((struct ask_later *)w);
}

void ask_disown(struct ask_later *l)
{
	if (!l)
		return;
	struct waiter *w = &l->waiter;
	pthread_mutex_lock(&asking.lock);
	w->disowned = true;
	w->news = -1;
	if (w->is_in_line || w->result <= 0)
		disowned_over(w);
	pthread_mutex_unlock(&asking.lock);
}

int ask_owed(struct ask_later **ret, const union link_any *m, uint16_t type, int fd, int news)
{
	struct ask_later *l = later_new(m, type, fd, news);
	if (!l)
		return -ENOMEM;
	pthread_mutex_lock(&asking.lock);
	l->waiter.is_in_line = true;
	TAILQ_INSERT_TAIL(&asking.line, &l->waiter, turn);
	if (asking.given_up)
		owed_give_up();
	owed_send();
	pthread_mutex_unlock(&asking.lock);
	*ret = l;
	return 0;
}
