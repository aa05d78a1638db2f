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
#include "daemon/pump/control.h"
#include "daemon/pump/flight.h"
#include "daemon/pump/flow.h"
#include "daemon/pump/flows.h"
#include "daemon/pump/host.h"
#include "daemon/pump/judge.h"
#include "daemon/pump/life.h"
#include "daemon/pump/pending.h"
#include "daemon/pump/queue.h"
#include "daemon/pump/reply.h"
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

static void control_complete(struct client *c, uint64_t user_data, int result)
{
	enum control_op op = (enum control_op)(user_data >> 32);
	uint32_t id = (uint32_t)user_data;
	if (op == CONTROL_CONNECT)
		host_connected(c, id, result);
	if (op != CONTROL_ACCEPT)
		return;
	struct flow *f = flow_find(c, id);
	if (f)
		flow_accepted(f, result);
	else if (result >= 0)
		close(result);
}

static uint32_t control_scan(struct client *c)
{
	struct io_uring_cqe *cqe;
	uint32_t n = 0;
	while ((cqe = uring_peek(&c->control))) {
		uint64_t user_data = cqe->user_data;
		int result = cqe->res;
		io_uring_cqe_seen(&c->control.io, cqe);
		control_complete(c, user_data, result);
		n++;
	}
	return n;
}

static void lose_all(struct client *c, int error, uint32_t reason)
{
	struct queue *q;
	TAILQ_FOREACH (q, &c->queues, link)
		life_lose(q, error, reason, NULL);
	c->done = true;
}

static void control_turn(struct client *c)
{
	/* A connection that was accepted may be among what was lost, and what listens stands still.
	 */
	if (uring_enter(&c->control) < 0)
		lose_all(c, -EIO, REASON_KERNEL);
	bool came = control_scan(c) || io_uring_sq_ready(&c->control.io);
	c->control_active = uring_pending(&c->control, came, c->slot_count) || came;
}

/* At once: the ring's CQ has no room for the completions of all listeners. */
static void listener_let_go(struct client *c, uint32_t flow_id)
{
	control_stop(c, CONTROL_ACCEPT, flow_id);
	control_scan(c);
}

/*
 * What the control ring does for a queue that closes ends first. Connections that were accepted by
 * then are its flows.
 */
static void control_let_go(struct client *c, struct queue *q)
{
	struct flow *f;
	const struct flow *connecting = host_connecting(c);
	TAILQ_FOREACH (f, &q->flows, link)
		if (f->listener && f->state == FLOW_ARMED)
			listener_let_go(c, f->id);
	if (!connecting || connecting->queue != q)
		return;
	control_stop(c, CONTROL_CONNECT, connecting->id);
	control_scan(c);
	host_connected(c, connecting->id, -ECANCELED); /* if its completion did not come */
	pending_look(c, clock_ns());
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
	if (c->control_active)
		control_turn(c);
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
		queue_listen(q);
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

/* How long until what had to wait is tried again, at most ns. */
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

/* Sockets that have more would end an epoll's wait at once; but other queues are waited for. */
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
	/* However many sockets have something: the client's requests are among the events. */
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
		pthread_mutex_lock(&c->lock);
		LIST_REMOVE(a, link);
		pthread_mutex_unlock(&c->lock);
		area_free(a);
	}
	session_done(c);
	uring_done(&c->control);
	loop_done(&c->loop);
}

static void *run(void *data)
{
	struct client *c = data;
	int on = 1;
	/* From here on descriptors may come: it is this thread that closes them. */
	setsockopt(c->session.sock, SOL_SOCKET, SO_PASSRIGHTS, &on, sizeof(on));
	int r = uring_init_private(&c->control, CONTROL_CQ_ENTRIES, false, true);
	c->control_source = (struct source){control_ready, c};
	if (r == 0)
		r = uring_eventfd(&c->control, false);
	if (r == 0)
		r = loop_watch(&c->loop, c->control.eventfd, EPOLLIN | EPOLLET, &c->control_source);
	if (r < 0) {
		log_client(3, c->who.uid, c->who.class, LOG_NO_RING,
			   "client %u (pid %d): no io_uring: %s", c->id, c->who.pid,
			   strerrordesc_np(-r));
		bool want = r == -ENOMEM || r == -EMFILE || r == -ENFILE || r == -ENOSPC;
		refuse_connection(c->session.sock, want ? REASON_DAEMON_LIMIT : REASON_KERNEL);
		c->done = true;
	}
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
	pthread_mutex_destroy(&c->lock);
	flows_done(c);
	free(c);
}

int client_start(struct client **ret, int sock, uint32_t id, const struct client_identity *who,
		 int ended)
{
	struct client *c = calloc(1, sizeof(*c));
	if (!c)
		return -ENOMEM;
	*c = (struct client){.id = id,
			     .who = *who,
			     .ended = ended,
			     .loop = LOOP_NULL,
			     .control = URING_NULL};
	pthread_mutex_init(&c->lock, NULL);
	TAILQ_INIT(&c->queues);
	LIST_INIT(&c->areas);
	c->poke = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	c->poke_source = (struct source){poked, c};
	int r = c->poke < 0 ? -errno : 0;
	if (r == 0)
		r = loop_init(&c->loop);
	if (r == 0)
		r = loop_watch(&c->loop, c->poke, EPOLLIN | EPOLLET, &c->poke_source);
	if (r == 0)
		r = session_init(c, sock);
	if (r == 0)
		judge_update(c);
	if (r == 0)
		r = thread_start(c);
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
