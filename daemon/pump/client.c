/* SPDX-License-Identifier: MIT */
#include "daemon/pump/client.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fd.h"
#include "daemon/common/refuse.h"
#include "daemon/grant/classes.h"
#include "daemon/grant/lease.h"
#include "daemon/grant/log_client.h"
#include "daemon/pump/channel.h"
#include "daemon/pump/control_turn.h"
#include "daemon/pump/flight.h"
#include "daemon/pump/flows.h"
#include "daemon/pump/judge.h"
#include "daemon/pump/life.h"
#include "daemon/pump/listener.h"
#include "daemon/pump/pending.h"
#include "daemon/pump/queue.h"
#include "daemon/pump/reply.h"
#include "daemon/pump/sandbox.h"
#include "daemon/pump/session.h"
#include "daemon/pump/turn.h"
#include "proto/reason.h"

#define STACK_BYTES        (256u << 10)
#define DISPATCHES         64
#define GATHER_NS          50000u
#define NS_A_SECOND        1000000000ull
#define RETRY_NS           NS_A_SECOND
#define CONTROL_CQ_ENTRIES 256

static void control_ready(void *owner, uint32_t events)
{
	struct client *c = owner;
	(void)events;
	c->control_active = true;
}

static void lose_all(struct client *c, int error, uint32_t reason)
{
	struct queue *q;
	TAILQ_FOREACH (q, &c->queues, link)
		life_lose(q, error, reason, NULL);
	c->done = true;
}

static void queue_work(struct client *c, struct queue *q, uint64_t now)
{
	if (q->lease && lease_has_news(q->lease))
		queue_look_at_lease(q);
	if (q->life == LIFE_CLOSING)
		control_let_go(c, q);
	if (q->life < LIFE_QUIET && schedule_when(&q->schedule) <= now)
		queue_turn(q);
}

/*
 * One turn of everything that has work. Returns how long to wait for more, in nanoseconds: 0 not at
 * all, LOOP_FOREVER until something happens.
 */
static uint64_t turn(struct client *c)
{
	uint64_t now = clock_ns(), next_ns = LOOP_FOREVER;
	c->gathering = false;
	if (c->control_active && !control_turn(c))
		lose_all(c, -EIO, REASON_KERNEL);
	struct queue *q, *next;
	for (q = TAILQ_FIRST(&c->queues); q; q = next) {
		next = TAILQ_NEXT(q, link);
		queue_work(c, q, now);
		if (q->life >= LIFE_QUIET) {
			if (queue_ended(q))
				queue_free(q);
		} else {
			uint64_t at = schedule_when(&q->schedule);
			c->gathering |= q->schedule.active;
			next_ns = at < next_ns ? at : next_ns;
		}
	}
	now = clock_ns();
	uint64_t pending_ns = pending_look(c, now);
	next_ns = pending_ns < next_ns ? pending_ns : next_ns;
	if (c->control_active || next_ns <= now)
		return 0;
	return next_ns == LOOP_FOREVER ? LOOP_FOREVER : next_ns - now;
}

static void retry(struct client *c)
{
	struct queue *q;
	c->retry = false;
	c->retry_at_ns = 0;
	session_resume(c);
	TAILQ_FOREACH (q, &c->queues, link) {
		if (queue_is_closing(q))
			continue;
		channel_flush(q);
		listener_go_on(q);
	}
}

static void poked(void *owner, uint32_t events)
{
	struct client *c = owner;
	eventfd_t count;
	(void)events;
	eventfd_read(c->poke, &count);
	if (__atomic_load_n(&c->stopping, __ATOMIC_ACQUIRE))
		lose_all(c, -ESHUTDOWN, REASON_SHUTDOWN);
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

/* Sleeps without looking at events: those of the queue that gathers would end the sleep at once. */
static void gather(const struct client *c, uint64_t ns)
{
	const struct queue *first = TAILQ_FIRST(&c->queues);
	bool alone = first && !TAILQ_NEXT(first, link);
	if (!alone && ns > GATHER_NS)
		ns = GATHER_NS;
	nanosleep(&(struct timespec){.tv_nsec = (long)ns}, NULL);
}

static void wait_and_dispatch(struct client *c, uint64_t ns)
{
	ns = retry_in(c, ns);
	if (c->gathering && ns > 0) {
		gather(c, ns);
		ns = 0;
	}
	/* All events are looked at, since the client's requests are among those of its sockets. */
	for (int i = 0; i < DISPATCHES && loop_turn(&c->loop, ns); i++)
		ns = 0;
	if (c->retry && retry_in(c, LOOP_FOREVER) == 0)
		retry(c);
}

/* The client is gone or the daemon stops: every queue closes, then every area goes. */
static void wind_up(struct client *c)
{
	struct queue *q;
	struct area *a;
	session_abandon(c);
	TAILQ_FOREACH (q, &c->queues, link)
		life_close(q);
	while (!TAILQ_EMPTY(&c->queues)) {
		uint64_t wait = turn(c);
		if (!TAILQ_EMPTY(&c->queues))
			wait_and_dispatch(c, wait);
	}
	pending_abandon(c); /* may wait for a NIC: the queues have ended by then */
	while ((a = LIST_FIRST(&c->areas))) {
		LIST_REMOVE(a, link);
		area_free(a);
	}
	session_done(c);
	uring_done(&c->control);
	loop_done(&c->loop);
}

static int control_open(struct client *c)
{
	int r = uring_init_private(&c->control, CONTROL_CQ_ENTRIES, true, true);
	if (r < 0)
		return r;
	r = sandbox_ring(&c->control.io, RESTRICT_OPS);
	if (r == 0)
		r = uring_eventfd(&c->control, false);
	if (r == 0)
		r = uring_enable(&c->control);
	if (r < 0)
		return r;
	c->control_source = (struct source){control_ready, c};
	return loop_watch(&c->loop, c->control.eventfd, EPOLLIN | EPOLLET, &c->control_source);
}

/* Without a ring of its own the client cannot be served. */
static void turn_away(struct client *c, int error)
{
	bool limit = error == -ENOMEM || error == -EMFILE || error == -ENFILE || error == -ENOSPC;
	log_client(3, c->who.uid, c->who.class, LOG_NO_RING, "client %u (pid %d): no io_uring: %s",
		   c->id, c->who.pid, strerrordesc_np(-error));
	refuse_connection(c->session.sock, limit ? REASON_DAEMON_LIMIT : REASON_KERNEL);
	c->done = true;
}

static void *run(void *data)
{
	struct client *c = data;
	int on = 1;
	/* Descriptors may come from now on: this thread closes them, not the broker's. */
	setsockopt(c->session.sock, SOL_SOCKET, SO_PASSRIGHTS, &on, sizeof(on));
	int r = control_open(c);
	if (r < 0)
		turn_away(c, r);
	while (!c->done)
		wait_and_dispatch(c, turn(c));
	wind_up(c);
	__atomic_store_n(&c->has_ended, true, __ATOMIC_RELEASE);
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
	classes_put(c->classes);
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
	judge_update(c);
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

void client_stop(struct client *c)
{
	__atomic_store_n(&c->stopping, true, __ATOMIC_RELEASE);
	eventfd_write(c->poke, 1);
}

void client_free(struct client *c)
{
	pthread_join(c->thread, NULL);
	release(c);
}
