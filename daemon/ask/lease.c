/* SPDX-License-Identifier: MIT */
/*
 * The broker has the leases and rules; here is what it said of them. The pump chooses a number for
 * each and enters it in its list before it asks: so the news of it, which may come before the
 * reply, finds it there.
 */
#include "daemon/grant/lease.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/queue.h>

#include "daemon/ask/ask.h"
#include "daemon/ask/hosted.h"
#include "daemon/ask/lease.h"
#include "daemon/grant/kernel.h"
#include "daemon/grant/leases.h"
#include "daemon/grant/rules.h"
#include "daemon/grant/steered.h"
#include "proto/text.h"

struct lease_rule {
	LIST_ENTRY(lease_rule) link;
	uint32_t id;
	const char *why;       /* atomic */
	struct ask_later *end; /* UNSTEER was asked for; or NULL */
};

struct lease {
	LIST_ENTRY(lease) link;
	uint32_t id;
	char nic[16];
	uint32_t ifindex, n;
	uint32_t rxqs[LEASE_QUEUES_MAX];
	int poke;
	bool news;       /* atomic */
	uint32_t reason; /* atomic; REASON_NONE, or the lease is lost */
	char why[LINK_TEXT_BYTES];
	LIST_HEAD(, lease_rule) rules;
};

static struct {
	pthread_mutex_t lock;
	LIST_HEAD(, lease) leases;
	uint32_t next_id; /* of leases and rules */
	_Atomic bool any; /* set again when another broker comes */
	char zcrx_refused[LINK_TEXT_BYTES];
} all = {.lock = PTHREAD_MUTEX_INITIALIZER};

/*
 * Sentences of the broker's are made constants, as callers expect from rule_why(). They are never
 * freed: there are few.
 */
struct sentence {
	struct sentence *next;
	char text[LINK_TEXT_BYTES];
};

#define SENTENCES_MAX 256

/* Returns a constant of this text; another one if there are SENTENCES_MAX already. */
static const char *constant(const char *text)
{
	static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
	static struct sentence *sentences;
	static unsigned n;
	struct sentence *s;
	pthread_mutex_lock(&lock);
	for (s = sentences; s && strncmp(s->text, text, sizeof(s->text)) != 0;)
		s = s->next;
	if (!s && n < SENTENCES_MAX && (s = calloc(1, sizeof(*s)))) {
		snprintf(s->text, sizeof(s->text), "%.*s", (int)sizeof(s->text) - 1, text);
		text_clean(s->text, "");
		s->next = sentences;
		sentences = s;
		n++;
	}
	pthread_mutex_unlock(&lock);
	return s ? s->text : "zcrxd could not set the ntuple rule.";
}

void ask_leases(bool any)
{
	all.any = any;
}

void ask_zcrx_refused(const char *why)
{
	snprintf(all.zcrx_refused, sizeof(all.zcrx_refused), "%s", why);
}

bool leases_any(void)
{
	return all.any;
}

const char *kernel_refuses_zcrx(void)
{
	return *all.zcrx_refused ? all.zcrx_refused : NULL;
}

uint32_t ask_lease_id(const struct lease *l)
{
	return l->id;
}

static uint32_t ids_take(uint32_t n)
{
	uint32_t first = all.next_id + 1;
	all.next_id += n;
	return first;
}

static void lease_forget(struct lease *l)
{
	struct lease_rule *rule;
	pthread_mutex_lock(&all.lock);
	LIST_REMOVE(l, link);
	while ((rule = LIST_FIRST(&l->rules))) {
		LIST_REMOVE(rule, link);
		ask_forget(rule->end);
		free(rule);
	}
	pthread_mutex_unlock(&all.lock);
	free(l);
}

int lease_take(struct lease **ret, const struct lease_wish *wish, char why[NIC_SENTENCE_BYTES])
{
	struct lease *l = calloc(1, sizeof(*l));
	if (!l) {
		snprintf(why, NIC_SENTENCE_BYTES, "zcrxd is out of memory.");
		return -ENOMEM;
	}
	l->poke = wish->poke;
	pthread_mutex_lock(&all.lock);
	l->id = ids_take(1);
	LIST_INSERT_HEAD(&all.leases, l, link);
	pthread_mutex_unlock(&all.lock);
	union link_any m = {.as_LEASE = {.lease = l->id, .n = wish->n, .backend = wish->backend}};
	snprintf(m.as_LEASE.nic, sizeof(m.as_LEASE.nic), "%s", wish->nic);
	int r = ask(&m, LINK_LEASE, NULL, NULL);
	const struct link_lease_reply *reply = &m.re_LEASE;
	if (r < 0) {
		snprintf(why, NIC_SENTENCE_BYTES, "%.*s", NIC_SENTENCE_BYTES - 1,
			 *reply->text ? reply->text : "zcrxd's broker does not answer.");
		lease_forget(l);
		return r;
	}
	l->ifindex = reply->ifindex;
	l->n = reply->n < LEASE_QUEUES_MAX ? reply->n : LEASE_QUEUES_MAX;
	memcpy(l->rxqs, reply->rxqs, l->n * sizeof(l->rxqs[0]));
	snprintf(l->nic, sizeof(l->nic), "%.*s", (int)sizeof(reply->nic) - 1, reply->nic);
	*ret = l;
	return 0;
}

const char *lease_name(const struct lease *l)
{
	return l->nic;
}

void lease_where(const struct lease *l, uint32_t *ret_ifindex, const uint32_t **ret_rxqs,
		 uint32_t *ret_n)
{
	*ret_ifindex = l->ifindex;
	*ret_rxqs = l->rxqs;
	*ret_n = l->n;
}

void lease_end(struct lease *l)
{
	if (!l)
		return;
	union link_any m = {.as_LEASE_END = {.id = l->id}};
	ask(&m, LINK_LEASE_END, NULL, NULL);
	lease_forget(l);
}

/* ---- news ---- */

static void rule_news(struct lease *l, const struct link_news *m)
{
	struct lease_rule *rule;
	const char *why = *m->text ? constant(m->text) : NULL;
	LIST_FOREACH (rule, &l->rules, link)
		if (rule->id == m->rule)
			__atomic_store_n(&rule->why, why, __ATOMIC_RELEASE);
}

static void lease_news(struct lease *l, const struct link_news *m)
{
	if (l->reason)
		return;
	snprintf(l->why, sizeof(l->why), "%.*s", (int)sizeof(m->text) - 1, m->text);
	__atomic_store_n(&l->reason, m->reason, __ATOMIC_RELEASE);
}

void ask_news(const struct link_news *m)
{
	struct lease *l;
	pthread_mutex_lock(&all.lock);
	LIST_FOREACH (l, &all.leases, link) {
		if (l->id != m->lease)
			continue;
		if (m->rule)
			rule_news(l, m);
		else
			lease_news(l, m);
		__atomic_store_n(&l->news, true, __ATOMIC_RELEASE);
		eventfd_write(l->poke, 1);
	}
	pthread_mutex_unlock(&all.lock);
}

bool lease_has_news(struct lease *l)
{
	return __atomic_exchange_n(&l->news, false, __ATOMIC_ACQ_REL);
}

uint32_t lease_lost(const struct lease *l, const char **ret_why)
{
	*ret_why = l->why;
	return __atomic_load_n(&l->reason, __ATOMIC_ACQUIRE);
}

const char *rule_why(const struct lease_rule *rule)
{
	return __atomic_load_n(&rule->why, __ATOMIC_ACQUIRE);
}

/* ---- rules ---- */

static void rule_forget(struct lease_rule *rule)
{
	pthread_mutex_lock(&all.lock);
	LIST_REMOVE(rule, link);
	pthread_mutex_unlock(&all.lock);
	free(rule);
}

/* Makes as many rules as one STEER can set. Returns the number of the first, 0 without memory. */
static uint32_t rules_make(struct lease *l, struct lease_rule *ret[STEERED_RULES_MAX])
{
	pthread_mutex_lock(&all.lock);
	uint32_t first = ids_take(STEERED_RULES_MAX), n = 0;
	for (; n < STEERED_RULES_MAX; n++) {
		struct lease_rule *rule = calloc(1, sizeof(*rule));
		ret[n] = rule;
		if (!rule)
			break;
		rule->id = first + n;
		LIST_INSERT_HEAD(&l->rules, rule, link);
	}
	pthread_mutex_unlock(&all.lock);
	if (n == STEERED_RULES_MAX)
		return first;
	while (n > 0)
		rule_forget(ret[--n]);
	return 0;
}

static const char each_instead[] =
	"Another user's sockets have the local port, or it cannot be told whether they do; "
	"connections are steered one by one.";

struct steered_soon {
	struct ask_later *asked;
	struct lease_rule *rules[STEERED_RULES_MAX]; /* as many as there can be */
};

int steered_begin(struct steered_soon **ret, struct lease *l, const struct steer_wish *wish)
{
	struct steered_soon *s = malloc(sizeof(*s));
	union link_any m = {.as_STEER = {.lease = l->id,
					 .host = wish->hosted ? ask_hosted_id(wish->hosted) : 0}};
	m.as_STEER.rule = s ? rules_make(l, s->rules) : 0;
	if (!m.as_STEER.rule) {
		free(s);
		return -ENOMEM;
	}
	int fd = wish->hosted ? -1 : wish->sock;
	int r = ask_owed(&s->asked, &m, LINK_STEER, fd, l->poke);
	if (r == 0) {
		*ret = s;
		return 0;
	}
	for (uint32_t i = 0; i < STEERED_RULES_MAX; i++)
		rule_forget(s->rules[i]);
	free(s);
	return r;
}

static const char *why_of(int error, const struct link_steer_reply *reply)
{
	if (error == 0 && !*reply->text)
		return NULL;
	return reply->each    ? each_instead
	       : *reply->text ? constant(reply->text)
			      : "zcrxd's broker does not answer.";
}

bool steered_look(struct steered_soon *s, struct steered *ret, const char **ret_why)
{
	int fd, r = ask_look(s->asked, &fd);
	if (r == -EINPROGRESS)
		return false;
	const struct link_steer_reply *reply = &ask_reply(s->asked)->re_STEER;
	uint32_t n = r < 0 || reply->n > STEERED_RULES_MAX ? 0 : reply->n;
	*ret = (struct steered){.n = n};
	for (uint32_t i = 0; i < STEERED_RULES_MAX; i++)
		if (i < n)
			ret->rules[i] = s->rules[i];
		else
			rule_forget(s->rules[i]);
	memcpy(ret->locals, reply->locals, n * sizeof(ret->locals[0]));
	*ret_why = why_of(r, reply);
	steered_drop(s);
	return true;
}

void steered_drop(struct steered_soon *s)
{
	ask_forget(s->asked);
	free(s);
}

bool steered_is_each(const char *why)
{
	return why == each_instead;
}

int lease_unsteer_later(struct lease *l, struct lease_rule *rule)
{
	const union link_any m = {.as_UNSTEER = {.lease = l->id, .rule = rule->id}};
	return ask_owed(&rule->end, &m, LINK_UNSTEER, -1, l->poke);
}

/* Whatever the answer is. If there is no broker any more, nobody has the rule either. */
bool lease_unsteered(struct lease *l, struct lease_rule *rule)
{
	int fd = -1;
	(void)l;
	if (ask_look(rule->end, &fd) == -EINPROGRESS)
		return false;
	ask_forget(rule->end);
	rule_forget(rule);
	return true;
}
