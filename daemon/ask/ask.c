/* SPDX-License-Identifier: MIT */
#include "daemon/ask/ask.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/queue.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <time.h>

#include "base/clock.h"
#include "base/fd.h"
#include "daemon/grant/account.h"
#include "proto/wire.h"

#define SEND_S    10 /* a message that the broker does not read within this time fails */
#define WAIT_NS   (300 * NS_A_SECOND) /* a NIC may take minutes to be made ready */
#define AGAIN_NS  20000000u
#define GIVE_NS   (2 * NS_A_SECOND)
#define OWED_MAX  16u /* with the broker at a time; it keeps 128 replies for a pump */
#define TRIES_MAX 20u /* with a hand that is late each takes 10 s */

struct waiter {
	LIST_ENTRY(waiter) link;
	TAILQ_ENTRY(waiter) turn; /* in asking.line instead, while is_in_line */
	bool is_in_line;
	bool owed; /* it is one of asking.n_owed */
	uint32_t serial;
	uint16_t type;
	union link_any *reply; /* NULL: nobody waits for it, and the waiter is freed */
	int *fds;
	const int *gives; /* n_gives descriptors, which a hand is sent for the request */
	uint32_t n_gives;
	uint32_t kind; /* CHARGE: what is charged */
	uint64_t n;    /* CHARGE, FLIGHT: how much */
	bool sent;     /* the broker that there is now was sent the request */
	int news;      /* eventfd, written when there is a reply; -1: a thread sleeps until then */
	int result;    /* 1: there is no reply yet */
};

/* A request that nobody waits for: it is asked again if it is answered with an error. */
struct given {
	struct waiter waiter;
	union link_any m;
	uint32_t tries;
	int fds[];
};

struct ask_later {
	struct waiter waiter;
	union link_any m;
	int fd;
};

static struct {
	pthread_mutex_t lock;
	pthread_cond_t came;
	LIST_HEAD(, waiter) waiters;
	TAILQ_HEAD(line, waiter) line; /* owed requests that the broker is not asked yet */
	uint32_t n_owed;               /* those that it was asked and has not answered */
	int link;
	uint32_t serial;
	bool broken;   /* there is no broker, perhaps for a while */
	bool given_up; /* ... and nobody waits for one */
	/* What this pump has been charged and has not released: HAVE tells it to the next broker.
	 */
	uint64_t amounts[ACCOUNT_KINDS];
	uint32_t in_flight;
	/* What is less by now and it could not be told: the next message says it, too. */
	uint64_t owed[ACCOUNT_KINDS];
	uint32_t owed_landed;
} asking = {.lock = PTHREAD_MUTEX_INITIALIZER,
	    .line = TAILQ_HEAD_INITIALIZER(asking.line),
	    .link = -1};

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
	struct timeval limit = {.tv_sec = SEND_S};
	pthread_once(&once, cond_init); /* when another broker comes, threads may wait on it */
	setsockopt(link, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof(limit));
	/* The next broker's link has the number of the last one's, which other threads read. */
	if (asking.link != link)
		asking.link = link;
}

static int send_as(union link_any *m, uint16_t type, uint32_t serial)
{
	m->hdr.nfds = 0;
	m->hdr.type = type;
	m->hdr.size = link_bytes(type);
	m->hdr.serial = serial;
	m->hdr.error = 0;
	return wire_send(asking.link, &m->hdr, NULL, 0);
}

static struct waiter *waiter_find(uint32_t serial)
{
	struct waiter *w;
	LIST_FOREACH (w, &asking.waiters, link)
		if (w->serial == serial && w->result > 0)
			return w;
	return NULL;
}

/*
 * Sends the request and waits for its reply; sends it again to a broker that takes the place of the
 * last one. Returns when there is a reply, no broker will come, or after WAIT_NS. With the lock
 * held, also while it sends: so no broker is asked anything before ask_again() has told it what
 * there is.
 */
static void converse(struct waiter *w, union link_any *m)
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
			w->sent = send_as(&request, w->type, w->serial) == 0;
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

static void waits(struct waiter *w)
{
	if (++asking.serial == 0)
		asking.serial = 1;
	w->serial = asking.serial;
	LIST_INSERT_HEAD(&asking.waiters, w, link);
}

/* Can nobody tell what came of the request, if a broker did not answer it? */
static bool is_void(const struct waiter *w)
{
	return w->sent && (w->type == LINK_ZCRX || w->type == LINK_DEVMEM);
}

/* Nobody sleeps until this waiter is answered. With the lock held, as all that follow. */
static void over(struct waiter *w, int result)
{
	w->result = result;
	eventfd_write(w->news, 1);
}

static void line_leave(struct waiter *w)
{
	TAILQ_REMOVE(&asking.line, w, turn);
	w->is_in_line = false;
	waits(w);
}

static void owed_over(struct waiter *w)
{
	asking.n_owed -= w->owed;
	w->owed = false;
}

/* Back into the line: the next broker is asked. */
static void owed_return(struct waiter *w)
{
	owed_over(w);
	LIST_REMOVE(w, link);
	w->is_in_line = true;
	TAILQ_INSERT_HEAD(&asking.line, w, turn);
}

static void owed_send(void)
{
	struct waiter *w;
	while (!asking.broken && asking.n_owed < OWED_MAX && (w = TAILQ_FIRST(&asking.line))) {
		line_leave(w);
		w->owed = true;
		asking.n_owed++;
		w->sent = send_as(w->reply, w->type, w->serial) == 0;
		if (!w->sent)
			return owed_return(w);
	}
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
	w.kind = type == LINK_CHARGE ? m->as_CHARGE.kind : 0;
	w.n = type == LINK_CHARGE ? m->as_CHARGE.n : type == LINK_FLIGHT ? m->as_FLIGHT.n : 0;
	pthread_mutex_lock(&asking.lock);
	waits(&w);
	converse(&w, m);
	LIST_REMOVE(&w, link);
	pthread_mutex_unlock(&asking.lock);
	if (w.result == -EPIPE || w.result == -ERESTART)
		memset(m, 0, sizeof(*m));
	return w.result;
}

static struct ask_later *later_new(const union link_any *m, uint16_t type, int news)
{
	struct ask_later *l = malloc(sizeof(*l));
	if (!l)
		return NULL;
	*l = (struct ask_later){.m = *m, .fd = -1};
	l->waiter = (struct waiter){.type = type,
				    .reply = &l->m,
				    .fds = &l->fd,
				    .news = news,
				    .result = 1};
	return l;
}

int ask_later(struct ask_later **ret, const union link_any *m, uint16_t type, int news)
{
	struct ask_later *l = later_new(m, type, news);
	if (!l)
		return -ENOMEM;
	pthread_mutex_lock(&asking.lock);
	waits(&l->waiter);
	int r = asking.broken ? -EPIPE : send_as(&l->m, type, l->waiter.serial);
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

void ask_forget(struct ask_later *l)
{
	if (!l)
		return;
	pthread_mutex_lock(&asking.lock);
	if (l->waiter.is_in_line)
		line_leave(&l->waiter);
	owed_over(&l->waiter);
	LIST_REMOVE(&l->waiter, link);
	pthread_mutex_unlock(&asking.lock);
	fd_close(l->fd);
	free(l);
}

int ask_owed(struct ask_later **ret, const union link_any *m, uint16_t type, int news)
{
	struct ask_later *l = later_new(m, type, news);
	if (!l)
		return -ENOMEM;
	pthread_mutex_lock(&asking.lock);
	l->waiter.is_in_line = true;
	TAILQ_INSERT_TAIL(&asking.line, &l->waiter, turn);
	if (asking.given_up)
		over(&l->waiter, -EPIPE);
	owed_send();
	pthread_mutex_unlock(&asking.lock);
	*ret = l;
	return 0;
}

void ask_wait(struct ask_later *l)
{
	struct waiter *w = &l->waiter;
	pthread_mutex_lock(&asking.lock);
	if (w->is_in_line)
		line_leave(w);
	owed_over(w);
	w->news = -1; /* this thread sleeps until then */
	if (w->result > 0)
		converse(w, &l->m);
	pthread_mutex_unlock(&asking.lock);
}

void ask_tell(union link_any *m, uint16_t type)
{
	/* Without a broker nobody is told: ask_again() tells the next one what there is. */
	(void)send_as(m, type, 0);
}

/* With its descriptors. With the lock held. */
static void given_free(struct waiter *w)
{
	struct given *g = (struct given *)w;
	LIST_REMOVE(w, link);
	wire_close(g->fds, w->n_gives);
	free(g);
}

void ask_giving(union link_any *m, uint16_t type, int *fds, uint32_t n)
{
	struct given *g = malloc(sizeof(*g) + n * sizeof(*fds));
	if (!g)
		return wire_close(fds, n);
	*g = (struct given){.waiter = {.type = type,
				       .gives = g->fds,
				       .n_gives = n,
				       .news = -1,
				       .result = 1},
			    .m = *m};
	memcpy(g->fds, fds, n * sizeof(*fds));
	pthread_mutex_lock(&asking.lock);
	waits(&g->waiter);
	if (send_as(m, type, g->waiter.serial) < 0)
		given_free(&g->waiter);
	pthread_mutex_unlock(&asking.lock);
}

/* There is a reply. */
static void given_over(struct waiter *w, int error)
{
	struct given *g = (struct given *)w;
	if (error == 0 || ++g->tries >= TRIES_MAX || send_as(&g->m, w->type, w->serial) < 0)
		given_free(w);
}

/* While the user has too many descriptors in flight it tries again, for a time. */
static int give(int sock, const struct msg_hdr *m, const int *fds)
{
	uint64_t until = clock_ns() + GIVE_NS;
	int r;
	while ((r = wire_send(sock, m, fds, MSG_DONTWAIT)) == -ETOOMANYREFS && clock_ns() < until)
		nanosleep(&(struct timespec){.tv_nsec = AGAIN_NS}, NULL);
	return r;
}

/* Whoever waits keeps its descriptors until it is answered, which takes the lock. */
void ask_give(uint32_t serial, int sock)
{
	pthread_mutex_lock(&asking.lock);
	const struct waiter *w = waiter_find(serial);
	for (uint32_t given = 0; w && given < w->n_gives;) {
		uint32_t left = w->n_gives - given;
		const struct msg_hdr m = {.size = sizeof(m),
					  .nfds = (uint16_t)(left < MSG_FDS_MAX ? left
										: MSG_FDS_MAX)};
		if (give(sock, &m, &w->gives[given]) < 0)
			break; /* the hand finds out */
		given += m.nfds;
	}
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
}

void ask_replied(const union link_any *m, uint32_t len, int *fds, uint32_t nfds)
{
	pthread_mutex_lock(&asking.lock);
	struct waiter *w = waiter_find(m->hdr.serial);
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
	for (w = LIST_FIRST(&asking.waiters); w; w = next) {
		next = LIST_NEXT(w, link);
		if (w->result > 0 && is_void(w))
			w->result = -ERESTART;
		w->sent = false;
		if (!w->reply)
			given_free(w); /* ask_again() tells the next broker the same anew */
		else if (w->owed)
			owed_return(w);
		else if (w->news >= 0 && w->result > 0)
			over(w, -EPIPE);
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
	asking.broken = send_as(&m, LINK_HAVE, 0) < 0;
	owed_send();
	pthread_cond_broadcast(&asking.came);
	pthread_mutex_unlock(&asking.lock);
}

void ask_give_up(void)
{
	struct waiter *w;
	pthread_mutex_lock(&asking.lock);
	asking.broken = asking.given_up = true;
	TAILQ_FOREACH (w, &asking.line, turn)
		over(w, -EPIPE);
	pthread_cond_broadcast(&asking.came);
	pthread_mutex_unlock(&asking.lock);
}

bool account_is_answered(void)
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
	asking.amounts[kind] -= n;
	asking.owed[kind] += n;
	union link_any m = {.as_RELEASE = {.kind = kind, .n = asking.owed[kind]}};
	if (!asking.broken && send_as(&m, LINK_RELEASE, 0) == 0)
		asking.owed[kind] = 0;
	pthread_mutex_unlock(&asking.lock);
}

/* In one step: a HAVE between the two would say that the broker has the charge already. */
void ask_keep(uint32_t id)
{
	union link_any m = {.as_KEEP = {.id = id}};
	pthread_mutex_lock(&asking.lock);
	asking.amounts[ACCOUNT_AREAS]--;
	if (!asking.broken)
		ask_tell(&m, LINK_KEEP);
	pthread_mutex_unlock(&asking.lock);
}

void ask_landed(uint32_t n)
{
	pthread_mutex_lock(&asking.lock);
	asking.in_flight -= n;
	asking.owed_landed += n;
	union link_any m = {.as_LANDED = {.n = asking.owed_landed}};
	if (!asking.broken && send_as(&m, LINK_LANDED, 0) == 0)
		asking.owed_landed = 0;
	pthread_mutex_unlock(&asking.lock);
}
