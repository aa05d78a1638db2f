/* SPDX-License-Identifier: MIT */
#include "daemon/pump/queue_thread.h"

#include <errno.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>

#include "base/clock.h"
#include "daemon/common/may_wait.h"
#include "daemon/grant/account.h"
#include "daemon/grant/lease.h"
#include "daemon/pump/channel.h"
#include "daemon/pump/control_turn.h"
#include "daemon/pump/flight.h"
#include "daemon/pump/flow.h"
#include "daemon/pump/judge.h"
#include "daemon/pump/life.h"
#include "daemon/pump/listener.h"
#include "daemon/pump/order.h"
#include "daemon/pump/queue.h"
#include "daemon/pump/turn.h"
#include "proto/reason.h"

#define DISPATCHES 64
#define RETRY_NS   1000000000u

static uint64_t least(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

/* The thread is about to wait: what was charged ahead is not needed now, but what is asked for. */
static void rest(struct queue *q)
{
	if (!q->listeners_ask && ahead_is_any(&q->flows_ahead, 0))
		account_release(q->client->who.user, ACCOUNT_FLOWS, ahead_rest(&q->flows_ahead, 0));
	if (TAILQ_EMPTY(&q->news) || !flight_is_asking(q->flight))
		flight_rest(q->flight);
}

/* What the broker was asked for may have its answer. */
static void answered(struct queue *q)
{
	flow_steered(q);
	if (queue_is_closing(q))
		return schedule_now(&q->schedule);
	if (flight_is_asking(q->flight))
		channel_flush(q);
	if (q->listeners_ask)
		listener_go_on(q);
}

/*
 * One turn of everything that has work. Returns how long to wait for more, in nanoseconds: 0 not at
 * all, LOOP_FOREVER until something happens.
 */
static uint64_t turn(struct queue *q)
{
	uint64_t now = clock_ns(), next_ns = order_look(q, now);
	if (q->control_active && !control_turn(q))
		life_lose(q, -EIO, REASON_KERNEL, NULL);
	if (q->life == LIFE_CLOSING)
		control_let_go(q);
	if (schedule_when(&q->schedule) <= now)
		queue_turn(q);
	if (q->taken)
		next_ns = order_look(q, clock_ns());
	next_ns = least(next_ns, schedule_when(&q->schedule));
	now = clock_ns();
	if (q->control_active || next_ns <= now)
		return 0;
	rest(q);
	return next_ns == LOOP_FOREVER ? LOOP_FOREVER : next_ns - now;
}

static void retry(struct queue *q)
{
	q->retry = false;
	q->retry_at_ns = 0;
	if (queue_is_closing(q))
		return;
	channel_flush(q);
	flow_steered(q);
	listener_go_on(q);
}

/* The time until what had to wait is tried again, or ns if that is less. */
static uint64_t retry_in(struct queue *q, uint64_t ns)
{
	if (!q->retry)
		return ns;
	uint64_t now = clock_ns();
	if (!q->retry_at_ns)
		q->retry_at_ns = now + RETRY_NS;
	return least(q->retry_at_ns > now ? q->retry_at_ns - now : 0, ns);
}

static void wait_and_dispatch(struct queue *q, uint64_t ns)
{
	ns = retry_in(q, ns);
	for (int i = 0; i < DISPATCHES && loop_turn(&q->loop, ns); i++)
		ns = 0;
	if (q->retry && retry_in(q, LOOP_FOREVER) == 0)
		retry(q);
}

static void poked(void *owner, uint32_t events)
{
	struct queue *q = owner;
	eventfd_t count;
	(void)events;
	eventfd_read(q->poke, &count);
	switch (__atomic_load_n(&q->told, __ATOMIC_ACQUIRE)) {
	case QUEUE_TOLD_NOTHING:
		break;
	case QUEUE_TOLD_CLOSE:
		life_close(q);
		break;
	case QUEUE_TOLD_SHUTDOWN:
		life_lose(q, -ESHUTDOWN, REASON_SHUTDOWN,
			  __atomic_load_n(&q->client->stop, __ATOMIC_ACQUIRE));
		break;
	}
	if (q->lease && lease_has_news(q->lease))
		queue_look_at_lease(q);
	answered(q);
	order_take(q);
}

static int begin(struct queue *q)
{
	int r = queue_start(q);
	if (r < 0)
		return r;
	judge_update(q->client, &q->judged);
	q->poke_source = (struct source){poked, q};
	return loop_watch(&q->loop, q->poke, EPOLLIN | EPOLLET, &q->poke_source);
}

static void run(void *data)
{
	struct queue *q = data;
	may_wait_set(false);
	q->error = begin(q);
	if (q->error < 0)
		return;
	__atomic_store_n(&q->started, true, __ATOMIC_RELEASE);
	eventfd_write(q->client->poke, 1);
	for (uint64_t wait = turn(q); q->life < LIFE_QUIET; wait = turn(q))
		wait_and_dispatch(q, wait);
	if (!q->taken)
		order_take(q);
	order_look(q, clock_ns());
	may_wait_set(true); /* no stream is left */
	queue_end(q);
}

int queue_thread_start(struct queue *q)
{
	return work_try(&q->thread, run, q, q->client->poke) ? 0 : -EAGAIN;
}

int queue_thread_started(struct queue *q)
{
	bool over = work_is_over(&q->thread);
	if (__atomic_load_n(&q->started, __ATOMIC_ACQUIRE))
		return 1;
	return over ? q->error : 0;
}

void queue_thread_tell(struct queue *q, enum queue_told what)
{
	if (q->told) /* no other thread writes it */
		return;
	__atomic_store_n(&q->told, what, __ATOMIC_RELEASE);
	eventfd_write(q->poke, 1);
}
