/* SPDX-License-Identifier: MIT */
#include "daemon/pump/flows.h"
#include "daemon/grant/account.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/epoll.h>

#include "daemon/backend/charged.h"
#include "daemon/pump/gather.h"
#include "daemon/pump/socket.h"
#include "proto/flow_id.h"
#include "proto/mapping.h"
#include "proto/reason.h"

#define SLOTS_BYTES (FLOW_ID_INDICES * sizeof(struct flow_slot))

static struct flow_bucket *bucket_of(const struct flow_table *t, uint64_t cookie)
{
	return &t->sockets[cookie % t->count];
}

static void socket_move(struct flow *f, struct flow_bucket *buckets, uint32_t count)
{
	LIST_REMOVE(f, same_bucket);
	LIST_INSERT_HEAD(&buckets[f->cookie % count], f, same_bucket);
}

/* There are as many buckets as slots, so buckets stay short however many flows there are. */
static void sockets_move(struct flow_table *t, struct flow_bucket *buckets, uint32_t count)
{
	for (uint32_t i = 0; i < t->count; i++)
		while (!LIST_EMPTY(&t->sockets[i]))
			socket_move(LIST_FIRST(&t->sockets[i]), buckets, count);
	free(t->sockets);
	t->sockets = buckets;
}

/* The slot becomes the last of the free ones: an id is used again as late as possible. */
static void slot_free(struct flow_table *t, uint32_t index)
{
	if (t->n_free++ == 0)
		t->first = index;
	else
		/* NOLINTNEXTLINE(clang-analyzer-core.NullDereference): slots has this one */
		t->slots[t->last].next = index;
	t->last = index;
}

/* Only the pages of slots in use cost memory. */
static int slots_grow(struct flow_table *t)
{
	uint32_t count = t->count ? t->count * 2 : 16;
	if (count > CLIENT_FLOWS_MAX)
		count = CLIENT_FLOWS_MAX;
	if (count == t->count)
		return -EMLINK;
	if (!t->slots && mapping_own((void **)&t->slots, SLOTS_BYTES) < 0)
		return -ENOMEM;
	struct flow_bucket *buckets = calloc(count, sizeof(*buckets));
	if (!buckets)
		return -ENOMEM;
	sockets_move(t, buckets, count);
	for (uint32_t i = t->count; i < count; i++)
		slot_free(t, i);
	__atomic_store_n(&t->count, count, __ATOMIC_RELEASE);
	return 0;
}

static int slot_take(struct flow_table *t, struct flow *f)
{
	int r = t->n_free ? 0 : slots_grow(t);
	if (r < 0)
		return r;
	uint32_t index = t->first;
	struct flow_slot *slot = &t->slots[index];
	t->first = slot->next;
	t->n_free--;
	if (++slot->generation == 0)
		slot->generation = 1;
	f->id = flow_id_make(slot->generation, index);
	slot->flow = f;
	__atomic_store_n(&slot->owner, f->queue, __ATOMIC_RELEASE);
	return 0;
}

void flows_done(struct client *c)
{
	struct flow_table *t = &c->table;
	if (t->slots)
		mapping_free(t->slots, SLOTS_BYTES);
	free(t->sockets);
}

void flow_identify(struct flow *f, uint64_t cookie)
{
	struct flow_table *t = &f->queue->client->table;
	f->cookie = cookie;
	if (!cookie)
		return;
	pthread_mutex_lock(&t->lock);
	LIST_INSERT_HEAD(bucket_of(t, cookie), f, same_bucket);
	pthread_mutex_unlock(&t->lock);
}

bool flows_have(struct client *c, uint64_t cookie)
{
	struct flow_table *t = &c->table;
	const struct flow *f = NULL;
	pthread_mutex_lock(&t->lock);
	if (t->count > 0)
		LIST_FOREACH (f, bucket_of(t, cookie), same_bucket)
			if (f->cookie == cookie)
				break;
	pthread_mutex_unlock(&t->lock);
	return f;
}

struct queue *flow_owner(struct client *c, uint32_t id)
{
	struct flow_table *t = &c->table;
	uint32_t index = flow_id_index(id);
	struct queue *q = NULL;
	pthread_mutex_lock(&t->lock);
	if (index < t->count && t->slots[index].generation == flow_id_generation(id))
		q = t->slots[index].owner;
	pthread_mutex_unlock(&t->lock);
	return q;
}

int flow_make(struct flow **ret, struct queue *q, int sock)
{
	struct client *c = q->client;
	struct flow *f = malloc(sizeof(*f));
	if (!f)
		return -ENOMEM;
	*f = FLOW_NULL;
	f->queue = q;
	f->sock = sock;
	pthread_mutex_lock(&c->table.lock);
	int r = slot_take(&c->table, f);
	pthread_mutex_unlock(&c->table.lock);
	if (r < 0) {
		free(f);
		return r;
	}
	f->report = report_flow_free(c->report, flow_id_index(f->id));
	*ret = f;
	return 0;
}

uint32_t flow_new(struct flow **ret, struct queue *q, int sock, struct answer *a)
{
	struct user *user = q->client->who.user;
	int r = account_charge(user, ACCOUNT_FLOWS, 1, a->text);
	if (r < 0)
		return charge_refused(r, a);
	r = flow_make(ret, q, sock);
	if (r == 0)
		return REASON_NONE;
	account_release(user, ACCOUNT_FLOWS, 1);
	a->error = r;
	if (r == -EMLINK)
		answer_say(
			a,
			"A connection to zcrxd has at most %u flows: close some, or connect once "
			"more for others.",
			CLIENT_FLOWS_MAX);
	return REASON_DAEMON_LIMIT;
}

uint32_t flow_listen(struct flow *f, struct answer *a)
{
	int r = account_charge(f->queue->client->who.user, ACCOUNT_LISTENERS, 1, a->text);
	f->listener = r == 0;
	return r < 0 ? charge_refused(r, a) : REASON_NONE;
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
	uint32_t index = flow_id_index(f->id);
	pthread_mutex_lock(&c->table.lock);
	__atomic_store_n(&c->table.slots[index].owner, NULL, __ATOMIC_RELEASE);
	slot_free(&c->table, index);
	pthread_mutex_unlock(&c->table.lock);
	flow_drop_socket(f, false); /* first, since one of the host is counted until it is closed */
	account_release(c->who.user, ACCOUNT_FLOWS, 1);
	if (f->listener)
		account_release(c->who.user, ACCOUNT_LISTENERS, 1);
	free(f);
}

void flow_unwatch(struct flow *f)
{
	if (!f->watched) /* perhaps no queue's thread has it yet */
		return;
	gather_forget(f);
	loop_unwatch(&f->queue->loop, f->sock);
	f->watched = FLOW_WAIT_NONE;
}

/* What comes while the flow is not armed waits in the socket; arming watches the socket again. */
static void data_ready(void *owner, uint32_t events)
{
	struct flow *f = owner;
	(void)events;
	struct gather *g = &f->queue->gather;
	g->rang |= f == g->leader;
	if (f->state == FLOW_ARMED)
		schedule_now(&f->queue->schedule);
	else
		flow_unwatch(f);
}

int flow_watch(struct flow *f, enum flow_wait what)
{
	struct queue *q = f->queue;
	bool data = what == FLOW_WAIT_DATA;
	if (f->watched == what)
		return 0;
	flow_unwatch(f);
	f->source = (struct source){data_ready, f};
	int r = loop_watch(&q->loop, f->sock, data ? GATHER_EVENTS : EPOLLET | EPOLLIN | EPOLLOUT,
			   data ? &f->source : &q->control_source);
	f->watched = r == 0 ? what : FLOW_WAIT_NONE;
	return r;
}

void flow_drop_socket(struct flow *f, bool abort)
{
	flow_unwatch(f);
	if (f->cookie) {
		pthread_mutex_lock(&f->queue->client->table.lock);
		LIST_REMOVE(f, same_bucket);
		pthread_mutex_unlock(&f->queue->client->table.lock);
	}
	f->cookie = 0;
	if (f->limited && !f->was_limited)
		socket_unlimit(f->sock);
	f->limited = false;
	f->sock = socket_drop(f->sock, abort);
}

struct flow *flow_find(const struct queue *q, uint32_t id)
{
	const struct flow_table *t = &q->client->table;
	uint32_t index = flow_id_index(id);
	if (index >= __atomic_load_n(&t->count, __ATOMIC_ACQUIRE))
		return NULL;
	const struct flow_slot *slot = &t->slots[index];
	if (__atomic_load_n(&slot->owner, __ATOMIC_ACQUIRE) != q)
		return NULL;
	return slot->flow->id == id ? slot->flow : NULL;
}

struct flow *flow_find_known(const struct queue *q, uint32_t id)
{
	struct flow *f = flow_find(q, id);
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
