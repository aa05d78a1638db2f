/* SPDX-License-Identifier: MIT */
#include "daemon/pump/flows.h"
#include "daemon/grant/account.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/epoll.h>

#include "daemon/pump/socket.h"
#include "proto/flow_id.h"

static struct flow_bucket *bucket_of(const struct client *c, uint64_t cookie)
{
	return &c->sockets[cookie % c->slot_count];
}

static void socket_move(struct flow *f, struct flow_bucket *buckets, uint32_t count)
{
	LIST_REMOVE(f, same_bucket);
	LIST_INSERT_HEAD(&buckets[f->cookie % count], f, same_bucket);
}

/* There are as many buckets as slots, so buckets stay short however many flows there are. */
static void sockets_move(struct client *c, struct flow_bucket *buckets, uint32_t count)
{
	for (uint32_t i = 0; i < c->slot_count; i++)
		while (!LIST_EMPTY(&c->sockets[i]))
			socket_move(LIST_FIRST(&c->sockets[i]), buckets, count);
	free(c->sockets);
	c->sockets = buckets;
}

/* The slot becomes the last of the free ones: an id is used again as late as possible. */
static void slot_free(struct client *c, uint32_t index)
{
	c->slots[index].flow = NULL;
	if (c->slots_free++ == 0)
		c->slot_first = index;
	else
		c->slots[c->slot_last].next = index;
	c->slot_last = index;
}

static int slots_grow(struct client *c)
{
	uint32_t count = c->slot_count ? c->slot_count * 2 : 16;
	if (count > CLIENT_FLOWS_MAX)
		count = CLIENT_FLOWS_MAX;
	if (count == c->slot_count)
		return -EDQUOT;
	struct flow_bucket *buckets = calloc(count, sizeof(*buckets));
	struct flow_slot *slots = reallocarray(c->slots, count, sizeof(*slots));
	if (slots)
		c->slots = slots;
	if (!slots || !buckets) {
		free(buckets);
		return -ENOMEM;
	}
	sockets_move(c, buckets, count);
	for (uint32_t i = c->slot_count; i < count; i++) {
		slots[i] = (struct flow_slot){0};
		slot_free(c, i);
	}
	c->slot_count = count;
	return 0;
}

static int slot_take(struct client *c, struct flow *f)
{
	int r = c->slots_free ? 0 : slots_grow(c);
	if (r < 0)
		return r;
	uint32_t index = c->slot_first;
	struct flow_slot *slot = &c->slots[index];
	c->slot_first = slot->next;
	c->slots_free--;
	if (++slot->generation == 0)
		slot->generation = 1;
	slot->flow = f;
	f->id = flow_id_make(slot->generation, index);
	return 0;
}

void flows_done(struct client *c)
{
	free(c->slots);
	free(c->sockets);
}

void flow_identify(struct flow *f, uint64_t cookie)
{
	f->cookie = cookie;
	if (cookie)
		LIST_INSERT_HEAD(bucket_of(f->queue->client, cookie), f, same_bucket);
}

bool flows_have(const struct client *c, uint64_t cookie)
{
	const struct flow *f;
	if (c->slot_count > 0)
		LIST_FOREACH (f, bucket_of(c, cookie), same_bucket)
			if (f->cookie == cookie)
				return true;
	return false;
}

int flow_new(struct flow **ret, struct queue *q, int sock)
{
	struct client *c = q->client;
	if (account_charge(c->who.user, ACCOUNT_FLOWS, 1) < 0)
		return -EDQUOT;
	struct flow *f = malloc(sizeof(*f));
	int r = -ENOMEM;
	if (f) {
		*f = FLOW_NULL;
		r = slot_take(c, f);
	}
	if (r < 0) {
		free(f);
		account_release(c->who.user, ACCOUNT_FLOWS, 1);
		return r;
	}
	f->queue = q;
	f->sock = sock;
	f->report = report_flow_free(c->report, flow_id_index(f->id));
	*ret = f;
	return 0;
}

int flow_listen(struct flow *f)
{
	int r = account_charge(f->queue->client->who.user, ACCOUNT_LISTENERS, 1);
	f->listener = r == 0;
	return r;
}

void flows_link(struct flow *f)
{
	struct queue *q = f->queue;
	struct report *report = q->client->report;
	TAILQ_INSERT_TAIL(&q->flows, f, link);
	q->flow_count++;
	report_flow_set(report, f->report,
			&(struct report_flow_facts){
				.id = f->id,
				.queue = report_queue_index(report, q->report),
				.queue_id = q->id,
				.listener = f->listener,
				.local = f->local,
				.remote = f->remote,
			});
}

void flows_unlink(struct flow *f)
{
	struct queue *q = f->queue;
	TAILQ_REMOVE(&q->flows, f, link);
	q->flow_count--;
	report_flow_set(q->client->report, f->report, &(struct report_flow_facts){0});
}

void flow_discard(struct flow *f)
{
	struct client *c = f->queue->client;
	slot_free(c, flow_id_index(f->id));
	account_release(c->who.user, ACCOUNT_FLOWS, 1);
	if (f->listener)
		account_release(c->who.user, ACCOUNT_LISTENERS, 1);
	flow_drop_socket(f, false);
	free(f);
}

void flow_unwatch(struct flow *f)
{
	if (f->watched)
		loop_unwatch(&f->queue->client->loop, f->sock);
	f->watched = FLOW_WAIT_NONE;
}

/* What comes while the flow is not armed waits in the socket; arming watches the socket again. */
static void data_ready(void *owner, uint32_t events)
{
	struct flow *f = owner;
	(void)events;
	if (f->state == FLOW_ARMED)
		schedule_now(&f->queue->schedule);
	else
		flow_unwatch(f);
}

int flow_watch(struct flow *f, enum flow_wait what)
{
	struct client *c = f->queue->client;
	bool data = what == FLOW_WAIT_DATA;
	if (f->watched == what)
		return 0;
	flow_unwatch(f);
	f->source = (struct source){data_ready, f};
	int r = loop_watch(&c->loop, f->sock, EPOLLET | EPOLLIN | (data ? EPOLLRDHUP : EPOLLOUT),
			   data ? &f->source : &c->control_source);
	f->watched = r == 0 ? what : FLOW_WAIT_NONE;
	return r;
}

void flow_drop_socket(struct flow *f, bool abort)
{
	flow_unwatch(f);
	if (f->cookie)
		LIST_REMOVE(f, same_bucket);
	f->cookie = 0;
	f->sock = socket_drop(f->sock, abort);
}

struct flow *flow_find(struct client *c, uint32_t id)
{
	uint32_t index = flow_id_index(id);
	struct flow *f = index < c->slot_count ? c->slots[index].flow : NULL;
	return f && f->id == id ? f : NULL;
}

struct flow *flow_find_known(struct client *c, uint32_t id)
{
	struct flow *f = flow_find(c, id);
	return f && !f->closing && f->state != FLOW_OPENING ? f : NULL;
}

void flows_forget(struct flow *f)
{
	if (f->waits_on)
		TAILQ_REMOVE(f->waits_on, f, waiting);
	f->waits_on = NULL;
}

void flows_wait_on(struct flow *f, struct flow_list *list)
{
	if (f->waits_on == list)
		return;
	flows_forget(f);
	TAILQ_INSERT_TAIL(list, f, waiting);
	f->waits_on = list;
}

void flows_wait(struct flow *f)
{
	struct queue *q = f->queue;
	struct flow_list *list = f->state == FLOW_DEAD ? &q->dead : &q->waiting;
	if (f->waits_on != list)
		schedule_now(&q->schedule);
	flows_wait_on(f, list);
}

void flows_set_state(struct flow *f, enum flow_state state)
{
	f->state = state;
	__atomic_store_n(&f->report->state, state, __ATOMIC_RELAXED);
}

void flows_set_paused(struct flow *f, bool on)
{
	f->paused = on;
	__atomic_store_n(&f->report->paused, on, __ATOMIC_RELAXED);
}

static void tell_why_copied(struct flow *f)
{
	static const char whole[] =
		"Its last 256 KiB and more were all copied though zcrxd's rule stands; a rule that "
		"is not zcrxd's may go before it, or the NIC does not split its packets.";
	const char *why = !f->why_copied && f->copied_whole ? whole : f->why_copied;
	uint32_t text = report_text(f->queue->client->report, why);
	__atomic_store_n(&f->report->why_copied, text, __ATOMIC_RELEASE);
}

void flows_set_why_copied(struct flow *f, const char *why)
{
	f->why_copied = why;
	tell_why_copied(f);
}

void flows_set_copied_whole(struct flow *f, bool whole)
{
	f->copied_whole = whole;
	tell_why_copied(f);
}
