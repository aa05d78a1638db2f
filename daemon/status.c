/* SPDX-License-Identifier: MIT */
#include "status.h"

#include <arpa/inet.h>
#include <errno.h>
#include <json-c/json.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/utsname.h>

#include "../proto/text.h"
#include "classes.h"
#include "explain.h"
#include "flows.h"
#include "lease.h"
#include "model.h"
#include "util.h"

#define READERS_MOST         64u /* at once; not counting root's */
#define READERS_OF_USER_MOST 4u
#define READER_USEC          5000000ull

/* A reader that has not taken its document yet. */
struct reader {
	LIST_ENTRY(reader) link;
	uid_t uid;
	sd_event_source *io, *timer;
	int sock;
	struct json_object *document; /* owns text */
	const char *text;
	size_t left;
};

static void add_number(struct json_object *o, const char *key, uint64_t n)
{
	json_object_object_add(o, key, json_object_new_uint64(n));
}

/* The one way for text into the document, which has to be UTF-8 whatever is in the text. */
static void add_text(struct json_object *o, const char *key, const char *text)
{
	char *copy = strdup(text);
	if (copy)
		text_clean(copy, "\n");
	json_object_object_add(o, key, copy ? json_object_new_string(copy) : NULL);
	free(copy);
}

static void add_address(struct json_object *o, const char *key, const struct msg_addr *a)
{
	char ip[INET6_ADDRSTRLEN] = "", text[INET6_ADDRSTRLEN + 10] = "";
	if (a->family == 4 && inet_ntop(AF_INET, a->ip, ip, sizeof(ip)))
		snprintf(text, sizeof(text), "%s:%u", ip, a->port);
	else if (a->family == 6 && inet_ntop(AF_INET6, a->ip, ip, sizeof(ip)))
		snprintf(text, sizeof(text), "[%s]:%u", ip, a->port);
	add_text(o, key, text);
}

/* null where the kernel does not tell. */
static void add_copied(struct json_object *o, bool untold, uint64_t bytes)
{
	json_object_object_add(o, "bytes_copied", untold ? NULL : json_object_new_uint64(bytes));
}

static struct json_object *flow_json(const struct flow *f)
{
	static const char *const states[] = {"opening", "idle", "receiving", "ended", "closed"};
	struct json_object *o = json_object_new_object();
	uint64_t bytes = count_get(&f->bytes);
	add_number(o, "id", f->id);
	add_text(o, "kind", f->listener ? "listener" : "connected");
	add_address(o, "local", &f->local);
	add_address(o, "remote", &f->remote);
	add_number(o, "bytes", bytes);
	add_copied(o, f->queue->copies_untold && !f->why_copied, count_get(&f->bytes_copied));
	add_text(o, "why_copied", f->why_copied ? f->why_copied : "");
	json_object_object_add(o, "paused", json_object_new_boolean(flow_is_paused(f)));
	add_text(o, "state", states[flow_state(f)]);
	return o;
}

static void add_counters(struct json_object *o, const struct queue *q)
{
	const struct ring_daemon *d = q->rings.daemon;
	uint64_t bytes = count_get(&d->bytes), copied = count_get(&d->bytes_copied);
	double ratio = bytes ? 1.0 - (double)copied / (double)bytes : 0.0;
	add_number(o, "bytes", bytes);
	add_copied(o, q->copies_untold, copied);
	json_object_object_add(o, "zero_copy_ratio",
			       q->copies_untold ? NULL : json_object_new_double(ratio));
	add_number(o, "completions", count_get(&d->completions));
	add_number(o, "refills", count_get(&d->refills));
	add_number(o, "refills_refused", count_get(&d->refills_refused));
	add_number(o, "heads_refused", count_get(&d->heads_refused));
	add_number(o, "starvations", count_get(&d->starvations));
	add_number(o, "wakeups", count_get(&d->wakeups));
	add_number(o, "enters", count_get(&d->enters));
	add_number(o, "lent", count_get(&d->lent));
	add_number(o, "returned", count_get(&d->returned));
	add_number(o, "missed", count_get(&d->missed));
	add_number(o, "in_vain", count_get(&d->in_vain));
}

static struct json_object *queue_json(const struct queue *q)
{
	struct json_object *o = json_object_new_object(), *flows = json_object_new_array();
	const struct flow *f;
	add_number(o, "id", q->id);
	add_text(o, "backend", q->backend->name);
	add_text(o, "why_not", q->why_not);
	if (q->lease) {
		uint32_t ifindex, n;
		const uint32_t *rxqs;
		struct json_object *list = json_object_new_array();
		lease_where(q->lease, &ifindex, &rxqs, &n);
		add_number(o, "ifindex", ifindex);
		for (uint32_t i = 0; i < n; i++)
			json_object_array_add(list, json_object_new_int64(rxqs[i]));
		json_object_object_add(o, "rxqs", list);
	}
	add_number(o, "area_bytes", q->area->bytes);
	add_number(o, "buffer_bytes", q->buffer_bytes);
	add_number(o, "cq_entries", q->rings.layout.cq_entries);
	add_counters(o, q);
	TAILQ_FOREACH (f, &q->flows, link)
		json_object_array_add(flows, flow_json(f));
	json_object_object_add(o, "flows", flows);
	return o;
}

static struct json_object *client_json(struct client *c)
{
	struct json_object *o = json_object_new_object(), *queues = json_object_new_array();
	const struct queue *q;
	add_number(o, "id", c->id);
	add_number(o, "pid", (uint64_t)c->who.pid);
	add_number(o, "uid", c->who.uid);
	add_text(o, "class", c->who.class);
	pthread_mutex_lock(&c->lock);
	add_text(o, "name", c->session.name);
	TAILQ_FOREACH (q, &c->queues, link)
		json_object_array_add(queues, queue_json(q));
	pthread_mutex_unlock(&c->lock);
	json_object_object_add(o, "queues", queues);
	return o;
}

static struct json_object *counts_json(const uint64_t counts[ACCOUNT_KINDS])
{
	static const char *const names[] = {
		[ACCOUNT_SESSIONS] = "sessions", [ACCOUNT_QUEUES] = "queues",
		[ACCOUNT_AREAS] = "areas",       [ACCOUNT_BYTES] = "area_bytes",
		[ACCOUNT_FLOWS] = "flows",       [ACCOUNT_LISTENERS] = "listeners",
	};
	struct json_object *o = json_object_new_object();
	for (int kind = 0; kind < ACCOUNT_KINDS; kind++)
		add_number(o, names[kind], counts[kind]);
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
	add_text(o, "explanation", text);
	free(text);
}

/* Limits are of each user, what is used that of all of them. */
static struct json_object *class_json(const struct policy_class *c)
{
	struct json_object *o = json_object_new_object(), *limits = counts_json(c->limits.most);
	uint64_t used[ACCOUNT_KINDS], users = account_used(c->name, used);
	struct json_object *in_use = counts_json(used);
	add_text(o, "name", c->name);
	add_text(o, "socket", c->socket ? c->socket : "");
	add_explanation(o, c);
	add_number(limits, "requests_per_second", c->limits.requests_per_second);
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

static struct json_object *document_make(const struct status *s)
{
	struct json_object *o = json_object_new_object(), *clients = json_object_new_array();
	struct utsname kernel;
	struct client *c;
	uint64_t now = 0;
	uname(&kernel);
	sd_event_now(s->event, CLOCK_MONOTONIC, &now);
	add_text(o, "version", ZCRXD_VERSION);
	add_number(o, "pid", (uint64_t)getpid());
	add_text(o, "kernel", kernel.release);
	add_number(o, "uptime_s", (now - s->started_usec) / 1000000);
	json_object_object_add(o, "classes", classes_json());
	TAILQ_FOREACH (c, s->clients, link)
		json_object_array_add(clients, client_json(c));
	json_object_object_add(o, "clients", clients);
	return o;
}

static void reader_free(struct reader *r)
{
	LIST_REMOVE(r, link);
	sd_event_source_disable_unref(r->io);
	sd_event_source_disable_unref(r->timer);
	fd_close(r->sock);
	json_object_put(r->document);
	free(r);
}

static int reader_ready(sd_event_source *source, int fd, uint32_t events, void *data)
{
	struct reader *r = data;
	(void)source;
	(void)events;
	ssize_t n = send(fd, r->text, r->left, MSG_DONTWAIT | MSG_NOSIGNAL);
	if (n < 0 && errno == EAGAIN)
		return 0;
	if (n > 0) {
		r->text += n;
		r->left -= (size_t)n;
	}
	if (n <= 0 || r->left == 0)
		reader_free(r);
	return 0;
}

static int reader_late(sd_event_source *source, uint64_t usec, void *data)
{
	(void)source;
	(void)usec;
	reader_free(data);
	return 0;
}

void status_init(struct status *s, sd_event *event, const struct client_list *clients)
{
	*s = (struct status){.event = event, .clients = clients};
	sd_event_now(event, CLOCK_MONOTONIC, &s->started_usec);
}

/* Root, who is to find out what goes on, does not depend on others. */
static bool is_one_too_many(const struct status *s, uid_t uid)
{
	const struct reader *r;
	uint32_t all = 0, of_user = 0;
	LIST_FOREACH (r, &s->readers, link) {
		all++;
		of_user += r->uid == uid;
	}
	return of_user >= READERS_OF_USER_MOST || (all >= READERS_MOST && uid != 0);
}

int status_accept(struct status *s, int listener)
{
	int sock = accept4(listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
	if (sock < 0)
		return -errno;
	struct ucred who = {.uid = (uid_t)-1};
	socklen_t len = sizeof(who);
	getsockopt(sock, SOL_SOCKET, SO_PEERCRED, &who, &len);
	struct reader *r = is_one_too_many(s, who.uid) ? NULL : calloc(1, sizeof(*r));
	if (!r) {
		close(sock);
		return 0;
	}
	*r = (struct reader){.uid = who.uid, .sock = sock, .document = document_make(s)};
	LIST_INSERT_HEAD(&s->readers, r, link);
	r->text = json_object_to_json_string_ext(r->document, JSON_C_TO_STRING_PRETTY);
	r->left = strlen(r->text);
	if (sd_event_add_io(s->event, &r->io, sock, EPOLLOUT, reader_ready, r) < 0 ||
	    sd_event_add_time_relative(s->event, &r->timer, CLOCK_MONOTONIC, READER_USEC, 0,
				       reader_late, r) < 0)
		reader_free(r);
	return 0;
}
