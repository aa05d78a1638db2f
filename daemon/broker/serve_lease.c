/* SPDX-License-Identifier: MIT */
#include "daemon/broker/serve_lease.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>

#include "base/clock.h"
#include "daemon/broker/held.h"
#include "daemon/broker/record_file.h"
#include "daemon/broker/serve.h"
#include "daemon/grant/classes.h"
#include "daemon/grant/holder.h"
#include "daemon/grant/lease.h"
#include "daemon/grant/process.h"

int serve_lease_judge(const struct policy_class *class, uint32_t backend, char *ret_why)
{
	const struct policy_request r = {.what = POLICY_BACKEND, .backend = backend};
	if (backend != MSG_BACKEND_ZCRX && backend != MSG_BACKEND_DEVMEM)
		return -EINVAL;
	struct policy_verdict v = policy_judge(class, &r);
	snprintf(ret_why, LINK_TEXT_BYTES, "%s", v.reason ? v.why : "");
	return v.reason ? -EACCES : 0;
}

static void lease_say(const struct held_lease *h, struct link_lease_reply *ret)
{
	const uint32_t *rxqs;
	lease_where(h->lease, &ret->ifindex, &rxqs, &ret->n);
	memcpy(ret->rxqs, rxqs, ret->n * sizeof(*rxqs));
	snprintf(ret->nic, sizeof(ret->nic), "%s", lease_name(h->lease));
}

/*
 * A pump takes a lease before it has the queue charged: it may be one ahead. Ended leases are not
 * counted here; their queues stay charged to the user (account_hardware()). After true
 * leasing_end() follows.
 */
static bool leasing_begin(struct pump *p)
{
	const struct held_lease *h;
	pthread_mutex_lock(&p->lock);
	uint64_t n = p->leasing;
	LIST_FOREACH (h, &p->leases, link)
		n += !h->ended;
	bool may = n <= __atomic_load_n(&p->charged[ACCOUNT_QUEUES], __ATOMIC_RELAXED);
	p->leasing += may;
	pthread_mutex_unlock(&p->lock);
	return may;
}

static void leasing_end(struct pump *p)
{
	pthread_mutex_lock(&p->lock);
	p->leasing--;
	pthread_mutex_unlock(&p->lock);
}

/* Takes the lease and notes it in the record. why: "", or why there is none. */
static int lease_new(struct pump *p, struct held_lease *h, struct lease_wish *wish,
		     char why[NIC_SENTENCE_BYTES])
{
	int r = lease_take(&h->lease, wish, why);
	if (r < 0)
		return r;
	const struct record_entry e = held_entry(h);
	r = record_add(p->record, &e, &h->record);
	if (r < 0) {
		lease_end(h->lease);
		snprintf(why, NIC_SENTENCE_BYTES, "zcrxd's record of leases cannot be written: %s.",
			 strerrordesc_np(-r));
	}
	return r;
}

/* Judges the class, takes the lease, and holds it. */
static int lease_hold(struct pump *p, const struct link_lease *m, struct link_lease_reply *ret)
{
	struct classes *classes;
	char nic[sizeof(m->nic)], why[NIC_SENTENCE_BYTES] = "";
	struct held_lease *h = calloc(1, sizeof(*h));
	if (!h)
		return -ENOMEM;
	h->id = m->lease;
	snprintf(nic, sizeof(nic), "%.*s", (int)sizeof(nic) - 1, m->nic);
	struct lease_wish wish = {.class = pump_class(p, &classes),
				  .user = p->who.user,
				  .backend = m->backend,
				  .nic = nic,
				  .n = m->n,
				  .poke = p->poke};
	int r = serve_lease_judge(wish.class, m->backend, ret->text);
	if (r == 0)
		r = lease_new(p, h, &wish, why);
	classes_put(classes);
	if (r < 0) {
		if (!*ret->text)
			snprintf(ret->text, sizeof(ret->text), "%s", why);
		free(h);
		return r;
	}
	lease_say(h, ret);
	held_add(p, h);
	return 0;
}

/*
 * If the broker before was killed when it had made the lease and had not answered, the pump asks
 * again, and has the lease already: that lease is the answer.
 */
int on_lease(struct pump *p, const struct link_lease *m, struct served *s)
{
	struct link_lease_reply *ret = &s->reply.re_LEASE;
	const struct held_lease *h = held_get(p, m->lease);
	if (m->n == 0 || m->n > LEASE_QUEUES_MAX || (h && !p->again))
		return -EINVAL;
	if (h) {
		lease_say(h, ret);
		return 0;
	}
	if (!leasing_begin(p)) {
		snprintf(ret->text, sizeof(ret->text), "More queues are leased than were charged.");
		return -EDQUOT;
	}
	int r = lease_hold(p, m, ret);
	leasing_end(p);
	return r;
}

/*
 * Whether the pump has let go of the queues the kernel says, by and by. From here on no hand begins
 * to register them, and the pump may use the number again.
 */
int on_lease_end(struct pump *p, const struct link_id *m, struct served *s)
{
	(void)s;
	pthread_mutex_lock(&p->lock);
	struct held_lease *h = held_find(p, m->id);
	int r = !h ? -ENOENT : h->registering ? -EBUSY : 0;
	if (r == 0) {
		h->ended = true;
		held_note(p, h);
	}
	pthread_mutex_unlock(&p->lock);
	if (r == 0)
		held_leave(p, h);
	return r;
}

/* ---- queues ---- */

bool serve_lease_is_lost(const struct held_lease *h, char *ret_why)
{
	const char *why;
	if (!lease_lost(h->lease, &why))
		return false;
	snprintf(ret_why, LINK_TEXT_BYTES, "The hardware queue is lost: %s", why);
	return true;
}

/*
 * May a hand begin to register the queues? The lease remembers one hand only: while one that was
 * given up lives, there is no other. Where this says yes there is none.
 */
static int may_register(struct held_lease *h, char *ret_why)
{
	if (!h || h->registering)
		return h ? -EBUSY : -ENOENT;
	if (serve_lease_is_lost(h, ret_why))
		return -ENODEV;
	if (h->hand && process_lives(h->hand, h->hand_started)) {
		snprintf(ret_why, LINK_TEXT_BYTES,
			 "A process of zcrxd's that was to register this hardware queue was given "
			 "up and has not ended yet.");
		return -EBUSY;
	}
	h->hand = 0;
	return 0;
}

int serve_lease_register(struct pump *p, uint32_t id, struct lease_place *ret, char *ret_why)
{
	const uint32_t *rxqs;
	pthread_mutex_lock(&p->lock);
	struct held_lease *h = held_find(p, id);
	int r = may_register(h, ret_why);
	if (r == 0) {
		lease_where(h->lease, &ret->ifindex, &rxqs, &ret->n);
		memcpy(ret->rxqs, rxqs, ret->n * sizeof(*rxqs));
		ret->held = h->number;
		h->registering = true;
	}
	pthread_mutex_unlock(&p->lock);
	return r;
}

/* If this broker is killed, the next one knows by the record that this hand is at it. */
void serve_lease_begun(struct pump *p, uint64_t held, pid_t hand)
{
	pthread_mutex_lock(&p->lock);
	struct held_lease *h = held_number(p, held);
	if (h) {
		h->hand = hand;
		h->hand_started = process_read(hand).started;
		held_note(p, h);
	}
	pthread_mutex_unlock(&p->lock);
}

void serve_lease_registered(struct pump *p, uint64_t held, bool given_up)
{
	pthread_mutex_lock(&p->lock);
	struct held_lease *h = held_number(p, held);
	/* A lease does not end while a hand registers its queues, and has no other hand meanwhile.
	 */
	if (h && h->registering) {
		h->registering = false;
		h->hand = given_up ? h->hand : 0;
		h->lost_ns = clock_ns(); /* it can be given back from now on */
		held_note(p, h);
		eventfd_write(p->poke, 1);
	}
	pthread_mutex_unlock(&p->lock);
}

/* It is told only of NICs of which its class may lease queues. */
int on_holder(struct pump *p, const struct link_holder *m, struct served *s)
{
	struct link_text *ret = &s->reply.re_HOLDER;
	struct classes *classes;
	char nic[sizeof(m->nic)];
	snprintf(nic, sizeof(nic), "%.*s", (int)sizeof(nic) - 1, m->nic);
	bool may = policy_leases(pump_class(p, &classes), nic);
	classes_put(classes);
	if (may && !holder_say(nic, m->rxq, ret->text, sizeof(ret->text)))
		*ret->text = '\0';
	return 0;
}

void serve_lease_end_all(struct pump *p)
{
	while (!LIST_EMPTY(&p->leases))
		held_drop(p, LIST_FIRST(&p->leases));
}
