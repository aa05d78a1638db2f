/* SPDX-License-Identifier: MIT */
#include "flows.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/epoll.h>

#include "control.h"
#include "socket.h"
#include "util.h"

static int slots_grow(struct client *c)
{
	uint32_t count = c->slot_count ? c->slot_count * 2 : 16;
	if (count > CLIENT_FLOWS_MAX)
		count = CLIENT_FLOWS_MAX;
	if (count == c->slot_count)
		return -EDQUOT;
	struct flow_slot *slots = reallocarray(c->slots, count, sizeof(*slots));
	if (!slots)
		return -ENOMEM;
	for (uint32_t i = c->slot_count; i < count; i++)
		slots[i] = (struct flow_slot){0};
	c->slot_next = c->slot_count;
	c->slots = slots;
	c->slot_count = count;
	return 0;
}

/* A free slot, searched round about so that ids are reused late. */
static int slot_take(struct client *c, struct flow *f)
{
	for (uint32_t i = 0; i < c->slot_count; i++) {
		uint32_t index = (c->slot_next + i) % c->slot_count;
		struct flow_slot *slot = &c->slots[index];
		if (slot->flow)
			continue;
		if (++slot->generation == 0)
			slot->generation = 1;
		slot->flow = f;
		f->id = (uint32_t)slot->generation << 16 | index;
		c->slot_next = index + 1;
		return 0;
	}
	int r = slots_grow(c);
	return r < 0 ? r : slot_take(c, f);
}

int flow_new(struct flow **ret, struct queue *q, int sock)
{
	struct client *c = q->client;
	if (account_charge(c->who.peer, ACCOUNT_FLOWS, 1) < 0)
		return -EDQUOT;
	struct flow *f = calloc(1, sizeof(*f));
	int r = f ? slot_take(c, f) : -ENOMEM;
	if (r < 0) {
		free(f);
		account_release(c->who.peer, ACCOUNT_FLOWS, 1);
		return r;
	}
	f->queue = q;
	f->sock = sock;
	*ret = f;
	return 0;
}

int flow_listen(struct flow *f)
{
	int r = account_charge(f->queue->client->who.peer, ACCOUNT_LISTENERS, 1);
	f->listener = r == 0;
	return r;
}

void flows_link(struct flow *f)
{
	pthread_mutex_lock(&f->queue->client->lock);
	TAILQ_INSERT_TAIL(&f->queue->flows, f, link);
	f->queue->flow_count++;
	pthread_mutex_unlock(&f->queue->client->lock);
}

void flow_discard(struct flow *f)
{
	struct client *c = f->queue->client;
	c->slots[f->id & 0xffff].flow = NULL;
	account_release(c->who.peer, ACCOUNT_FLOWS, 1);
	if (f->listener)
		account_release(c->who.peer, ACCOUNT_LISTENERS, 1);
	flow_drop_socket(f, false);
	free(f);
}

void flow_unwatch(struct flow *f)
{
	if (f->watched)
		control_unwatch(f->queue->client, f->sock);
	f->watched = FLOW_WAIT_NONE;
}

/* What comes while nothing is armed waits in the socket; arming it watches the socket again. */
static void data_ready(void *owner, uint32_t events)
{
	struct flow *f = owner;
	(void)events;
	if (f->state == FLOW_ARMED)
		f->queue->active = true;
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
	int r = control_watch(c, f->sock, EPOLLET | EPOLLIN | (data ? EPOLLRDHUP : EPOLLOUT),
			      data ? &f->source : &c->control_source);
	f->watched = r == 0 ? what : FLOW_WAIT_NONE;
	return r;
}

void flow_drop_socket(struct flow *f, bool abort)
{
	flow_unwatch(f);
	f->sock = socket_drop(f->sock, abort);
}

struct flow *flow_find(struct client *c, uint32_t id)
{
	uint32_t index = id & 0xffff;
	struct flow *f = index < c->slot_count ? c->slots[index].flow : NULL;
	return f && f->id == id ? f : NULL;
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
	q->active |= f->waits_on != list;
	flows_wait_on(f, list);
}

void flows_set_state(struct flow *f, enum flow_state state)
{
	__atomic_store_n(&f->state, state, __ATOMIC_RELAXED);
}
