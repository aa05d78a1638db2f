/* SPDX-License-Identifier: MIT */
#include "daemon/pump/client.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fd.h"
#include "daemon/grant/account.h"
#include "daemon/grant/classes.h"
#include "daemon/grant/lease.h"
#include "daemon/pump/flight.h"
#include "daemon/pump/flows.h"
#include "daemon/pump/judge.h"
#include "daemon/pump/pending.h"
#include "daemon/pump/queue.h"
#include "daemon/pump/queue_thread.h"
#include "daemon/pump/session.h"

#define STACK_BYTES (256u << 10)
#define RETRY_NS    1000000000u

static void tell_all(struct client *c, enum queue_told what)
{
	struct queue *q;
	TAILQ_FOREACH (q, &c->queues, link)
		queue_thread_tell(q, what);
}

/* Frees the queues whose threads are over. */
static bool reap(struct client *c)
{
	struct queue *q, *next;
	bool any = false;
	for (q = TAILQ_FIRST(&c->queues); q; q = next) {
		next = TAILQ_NEXT(q, link);
		if (q->opening || !work_is_over(&q->thread))
			continue;
		work_join(&q->thread);
		queue_free(q);
		any = true;
	}
	return any;
}

/*
 * Does what has come to its end. Returns how long to wait for more, in nanoseconds: 0 not at all,
 * LOOP_FOREVER until something happens.
 */
static uint64_t turn(struct client *c)
{
	uint64_t pending_ns = pending_look(c, clock_ns()), now = clock_ns();
	if (reap(c) || pending_ns <= now)
		return 0;
	return pending_ns == LOOP_FOREVER ? LOOP_FOREVER : pending_ns - now;
}

static void poked(void *owner, uint32_t events)
{
	struct client *c = owner;
	eventfd_t count;
	(void)events;
	eventfd_read(c->poke, &count);
	if (c->session.unsent && !c->done)
		session_resume(c);
	if (!__atomic_load_n(&c->stop, __ATOMIC_ACQUIRE))
		return;
	tell_all(c, QUEUE_TOLD_SHUTDOWN);
	c->done = true;
}

/* The time until what had to wait is tried again, or ns if that is less. */
static uint64_t retry_in(struct client *c, uint64_t ns)
{
	if (!c->retry)
		return ns;
	uint64_t now = clock_ns();
	if (!c->retry_at_ns)
		c->retry_at_ns = now + RETRY_NS;
	uint64_t left = c->retry_at_ns > now ? c->retry_at_ns - now : 0;
	return left < ns ? left : ns;
}

static void retry(struct client *c)
{
	c->retry = false;
	c->retry_at_ns = 0;
	session_resume(c);
}

static void wait_and_dispatch(struct client *c, uint64_t ns)
{
	ns = retry_in(c, ns);
	loop_turn(&c->loop, ns);
	if (c->retry && retry_in(c, LOOP_FOREVER) == 0)
		retry(c);
}

/* The client is gone or the pump is to end: every queue closes, then every area goes. */
static void wind_up(struct client *c)
{
	struct area *a;
	session_abandon(c);
	tell_all(c, QUEUE_TOLD_CLOSE);
	while (!TAILQ_EMPTY(&c->queues)) {
		uint64_t wait = turn(c);
		if (!TAILQ_EMPTY(&c->queues))
			wait_and_dispatch(c, wait);
	}
	pending_look(c, clock_ns()); /* an order that ended with its queue */
	pending_abandon(c);          /* may wait for a NIC: the queues have ended by then */
	while ((a = LIST_FIRST(&c->areas))) {
		LIST_REMOVE(a, link);
		area_free(a);
	}
	session_done(c);
	loop_done(&c->loop);
}

static void *run(void *data)
{
	struct client *c = data;
	int on = 1;
	/* Descriptors may come from now on: this thread closes them, and not the broker. */
	setsockopt(c->session.sock, SOL_SOCKET, SO_PASSRIGHTS, &on, sizeof(on));
	while (!c->done) {
		uint64_t wait = turn(c);
		wait_and_dispatch(c, wait);
	}
	wind_up(c);
	eventfd_write(c->ended, 1);
	return NULL;
}

static int thread_start(struct client *c)
{
	pthread_attr_t attributes;
	sigset_t all, old;
	sigfillset(&all);
	sigdelset(&all, SIGSYS); /* the sandbox says which call it was (filter.c) */
	pthread_attr_init(&attributes);
	pthread_attr_setstacksize(&attributes, STACK_BYTES);
	pthread_sigmask(SIG_BLOCK, &all, &old);
	int r = -pthread_create(&c->thread, &attributes, run, c);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	pthread_attr_destroy(&attributes);
	return r;
}

static void release(struct client *c)
{
	flight_free(c->session.flight); /* the socket is still the caller's */
	loop_done(&c->loop);
	fd_close(c->poke);
	classes_put(c->judged.classes);
	report_put(c->report);
	flows_done(c);
	free(c);
}

/* What release() undoes, and the thread. */
static int begin(struct client *c, int sock)
{
	c->poke = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	c->poke_source = (struct source){poked, c};
	if (c->poke < 0)
		return -errno;
	int r = c->report ? 0 : report_new(&c->report);
	if (r < 0)
		return r;
	r = loop_init(&c->loop);
	if (r < 0)
		return r;
	r = loop_watch(&c->loop, c->poke, EPOLLIN | EPOLLET, &c->poke_source);
	if (r < 0)
		return r;
	r = session_init(c, sock);
	if (r < 0)
		return r;
	judge_update(c, &c->judged);
	return thread_start(c);
}

int client_start(struct client **ret, int sock, uint32_t id, const struct client_identity *who,
		 int ended, struct report *report)
{
	struct client *c = calloc(1, sizeof(*c));
	if (!c)
		return -ENOMEM;
	*c = CLIENT_NULL;
	c->id = id;
	c->who = *who;
	c->ended = ended;
	c->report = report ? report_ref(report) : NULL;
	TAILQ_INIT(&c->queues);
	LIST_INIT(&c->areas);
	int r = begin(c, sock);
	if (r < 0) {
		release(c);
		return r;
	}
	*ret = c;
	return 0;
}

void client_stop(struct client *c, const char *why)
{
	__atomic_store_n(&c->stop, why, __ATOMIC_RELEASE);
	eventfd_write(c->poke, 1);
}

void client_free(struct client *c)
{
	pthread_join(c->thread, NULL);
	release(c);
}
