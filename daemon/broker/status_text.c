/* SPDX-License-Identifier: MIT */
#include "daemon/broker/status_text.h"
#include "daemon/grant/account.h"

#include <json-c/json.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "daemon/common/version.h"
#include "daemon/grant/classes.h"
#include "policy/explain.h"
#include "proto/addr.h"
#include "proto/backend.h"
#include "proto/text.h"

static void add_number(struct json_object *o, const char *key, uint64_t n)
{
	json_object_object_add(o, key, json_object_new_uint64(n));
}

/* The one way for text into the document, which has to be UTF-8 whatever is in the text. */
static void add_cleaned(struct json_object *o, const char *key, const char *text, const char *keep)
{
	char *copy = strdup(text);
	if (copy)
		text_clean(copy, keep);
	json_object_object_add(o, key, copy ? json_object_new_string(copy) : NULL);
	free(copy);
}

static void add_text(struct json_object *o, const char *key, const char *text)
{
	add_cleaned(o, key, text, "");
}

static void add_address(struct json_object *o, const char *key, const struct msg_addr *a)
{
	char text[ADDR_TEXT_BYTES];
	addr_text(a, text);
	add_text(o, key, text);
}

/* null where the kernel does not tell. */
static void add_copied(struct json_object *o, bool untold, uint64_t bytes)
{
	json_object_object_add(o, "bytes_copied", untold ? NULL : json_object_new_uint64(bytes));
}

static struct json_object *flow_json(const struct snapshot *s, const struct snapshot_queue *q,
				     const struct snapshot_flow *f)
{
	static const char *const states[] = {"opening", "idle", "receiving", "ended", "closed"};
	struct json_object *o = json_object_new_object();
	const char *why = f->why_copied == SNAPSHOT_END ? "" : s->texts[f->why_copied].text;
	add_number(o, "id", f->facts.id);
	add_text(o, "kind", f->facts.listener ? "listener" : "connected");
	add_address(o, "local", &f->facts.local);
	add_address(o, "remote", &f->facts.remote);
	add_number(o, "bytes", f->bytes);
	add_copied(o, q->facts.copies_untold && !*why, f->bytes_copied);
	add_text(o, "why_copied", why);
	json_object_object_add(o, "paused", json_object_new_boolean(f->paused != 0));
	add_text(o, "state", states[f->state]);
	return o;
}

static void add_counters(struct json_object *o, const struct snapshot_queue *q)
{
	const struct ring_daemon *d = &q->counters;
	uint64_t copied = d->bytes_copied < d->bytes ? d->bytes_copied : d->bytes;
	double ratio = d->bytes ? 1.0 - (double)copied / (double)d->bytes : 0.0;
	add_number(o, "bytes", d->bytes);
	add_copied(o, q->facts.copies_untold, d->bytes_copied);
	json_object_object_add(o, "zero_copy_ratio",
			       q->facts.copies_untold ? NULL : json_object_new_double(ratio));
	add_number(o, "completions", d->completions);
	add_number(o, "refills", d->refills);
	add_number(o, "refills_refused", d->refills_refused);
	add_number(o, "heads_refused", d->heads_refused);
	add_number(o, "starvations", d->starvations);
	add_number(o, "wakeups", d->wakeups);
	add_number(o, "enters", d->enters);
	add_number(o, "lent", d->lent);
	add_number(o, "returned", d->returned);
	add_number(o, "missed", d->missed);
	add_number(o, "in_vain", d->in_vain);
}

static struct json_object *queue_json(const struct snapshot *s, const struct snapshot_queue *q)
{
	const struct report_queue_facts *facts = &q->facts;
	struct json_object *o = json_object_new_object(), *list = json_object_new_array();
	add_number(o, "id", facts->id);
	add_text(o, "backend", backend_name(facts->backend));
	add_text(o, "why_not", facts->why_not);
	if (facts->n_rxqs > 0) {
		struct json_object *rxqs = json_object_new_array();
		add_number(o, "ifindex", facts->ifindex);
		for (uint32_t i = 0; i < facts->n_rxqs; i++)
			json_object_array_add(rxqs, json_object_new_int64(facts->rxqs[i]));
		json_object_object_add(o, "rxqs", rxqs);
	}
	add_number(o, "area_bytes", facts->area_bytes);
	add_number(o, "buffer_bytes", facts->buffer_bytes);
	add_number(o, "cq_entries", facts->cq_entries);
	add_counters(o, q);
	for (uint32_t i = q->first; i != SNAPSHOT_END; i = s->flows[i].next)
		json_object_array_add(list, flow_json(s, q, &s->flows[i]));
	json_object_object_add(o, "flows", list);
	return o;
}

static struct json_object *client_json(const struct snapshot *s, const struct snapshot_client *c,
				       size_t first_queue)
{
	struct json_object *o = json_object_new_object(), *queues = json_object_new_array();
	add_number(o, "id", c->who.id);
	add_number(o, "pid", (uint64_t)c->who.pid);
	add_number(o, "uid", c->who.uid);
	add_text(o, "class", c->who.class);
	add_text(o, "name", c->facts.name);
	add_number(o, "pump", (uint64_t)c->who.pump);
	add_number(o, "cpu_ms", c->process.cpu_ms);
	add_number(o, "memory_bytes", c->process.memory_bytes);
	add_number(o, "restarts", c->restarts);
	add_text(o, "sandbox", c->facts.sandbox);
	add_number(o, "unreadable", c->unreadable);
	for (uint32_t i = 0; i < c->n_queues; i++)
		json_object_array_add(queues, queue_json(s, &s->queues[first_queue + i]));
	json_object_object_add(o, "queues", queues);
	return o;
}

static struct json_object *clients_json(const struct snapshot *s)
{
	struct json_object *list = json_object_new_array();
	size_t first_queue = 0;
	for (size_t i = 0; i < s->n_clients; i++) {
		json_object_array_add(list, client_json(s, &s->clients[i], first_queue));
		first_queue += s->clients[i].n_queues;
	}
	return list;
}

static struct json_object *counts_json(const uint64_t counts[ACCOUNT_KINDS])
{
	struct json_object *o = json_object_new_object();
	for (int kind = 0; kind < ACCOUNT_KINDS; kind++) {
		char name[32];
		snprintf(name, sizeof(name), "%s", limits_name(kind));
		for (char *dash = name; (dash = strchr(dash, '-'));)
			*dash = '_';
		add_number(o, name, counts[kind]);
	}
	return o;
}

static void add_explanation(struct json_object *o, const struct policy_class *c)
{
	char *text = NULL;
	size_t len;
	FILE *f = open_memstream(&text, &len);
	if (!f)
		return;
	explain_class(c, "", f);
	fclose(f);
	add_cleaned(o, "explanation", text, "\n");
	free(text);
}

/* Limits are of each user, what is used that of all of them. */
static struct json_object *class_json(const struct policy_class *c)
{
	uint64_t most[ACCOUNT_KINDS];
	for (int kind = 0; kind < ACCOUNT_KINDS; kind++)
		most[kind] = account_most(&c->limits, kind);
	struct json_object *o = json_object_new_object(), *limits = counts_json(most);
	uint64_t used[ACCOUNT_KINDS], users = account_used(c->name, used);
	struct json_object *in_use = counts_json(used);
	add_text(o, "name", c->name);
	add_text(o, "socket", c->socket ? c->socket : "");
	add_explanation(o, c);
	add_number(limits, "requests_per_second", c->limits.requests_per_second);
	add_number(limits, "connections_per_second", c->limits.connections_per_second);
	add_number(limits, "leases_per_minute", c->limits.leases_per_minute);
	add_number(limits, "users", c->limits.most_users);
	add_number(in_use, "users", users);
	json_object_object_add(o, "limits", limits);
	json_object_object_add(o, "used", in_use);
	return o;
}

static struct json_object *classes_json(void)
{
	struct json_object *list = json_object_new_array();
	struct classes *classes = classes_get();
	const struct policy_class *c = classes_policy(classes)->classes;
	for (; c; c = c->next)
		json_object_array_add(list, class_json(c));
	classes_put(classes);
	return list;
}

static struct json_object *upgrades_json(const struct upgrades *u)
{
	struct json_object *o = json_object_new_object();
	add_number(o, "done", u->done);
	add_number(o, "failed", u->failed);
	add_text(o, "why_not", u->why_not);
	return o;
}

char *status_text(const struct snapshot *s, size_t *ret_bytes)
{
	struct json_object *o = json_object_new_object();
	struct utsname kernel;
	uname(&kernel);
	add_text(o, "version", zcrxd_version);
	add_number(o, "pid", (uint64_t)getpid());
	add_text(o, "kernel", kernel.release);
	add_number(o, "uptime_s", s->uptime_s);
	json_object_object_add(o, "upgrades", upgrades_json(&s->upgrades));
	json_object_object_add(o, "classes", classes_json());
	json_object_object_add(o, "clients", clients_json(s));
	const char *made = json_object_to_json_string_ext(o, JSON_C_TO_STRING_PRETTY);
	char *text = made ? strdup(made) : NULL;
	*ret_bytes = text ? strlen(text) : 0;
	json_object_put(o);
	return text;
}
