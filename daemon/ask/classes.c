/* SPDX-License-Identifier: MIT */
/*
 * The class of this pump's client as the broker told it last (LINK_CLASS). There is no other one,
 * so the functions of daemon/grant/classes.h that look for a class return it.
 */
#include "daemon/grant/classes.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/ask/ask.h"

struct classes {
	struct policy_class class;
	bool nobody;
	uint32_t references;
	uint32_t got; /* how many of the ranges have come */
	struct range ranges[];
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct classes *in_force; /* holds a reference; read atomically */
static struct classes *coming;   /* a class of whose ranges some have not come yet, or NULL */

static struct classes *begin(const struct link_class *m)
{
	uint32_t ranges = m->ranges_local + m->ranges_remote;
	struct classes *c = calloc(1, sizeof(*c) + ranges * sizeof(c->ranges[0]));
	if (!c)
		return NULL;
	c->references = 1;
	c->nobody = m->nobody;
	c->class = (struct policy_class){
		.limits = m->limits,
		.backends = m->backends,
		.host = m->host,
		.udmabuf = m->udmabuf,
		.nics.n = m->nics,
		.local = {c->ranges, m->ranges_local, m->given & 1},
		.remote = {c->ranges + m->ranges_local, m->ranges_remote, m->given >> 1 & 1},
	};
	return c;
}

static void publish(void)
{
	pthread_mutex_lock(&lock);
	struct classes *old = in_force;
	__atomic_store_n(&in_force, coming, __ATOMIC_RELAXED);
	pthread_mutex_unlock(&lock);
	coming = NULL;
	classes_put(old);
}

int ask_class(const struct link_class *m)
{
	if (m->first == 0) {
		free(coming);
		coming = begin(m);
	}
	if (!coming)
		return -ENOMEM;
	uint32_t all = coming->class.local.n + coming->class.remote.n;
	if (m->first != coming->got || m->n > LINK_RANGES_MAX || m->n > all - coming->got)
		return -EBADMSG;
	memcpy(coming->ranges + coming->got, m->ranges, m->n * sizeof(m->ranges[0]));
	coming->got += m->n;
	if (coming->got < all)
		return 0;
	publish();
	union link_any told = {.as_CLASSED = {.n = m->policy}};
	ask_tell(&told, LINK_CLASSED);
	return 0;
}

bool ask_has_class(void)
{
	return in_force;
}

struct classes *classes_get(void)
{
	pthread_mutex_lock(&lock);
	struct classes *c = in_force;
	c->references++;
	pthread_mutex_unlock(&lock);
	return c;
}

bool classes_in_force(const struct classes *c)
{
	return c == __atomic_load_n(&in_force, __ATOMIC_RELAXED);
}

const struct policy_class *classes_class(const struct classes *c, int sock, const char *socket,
					 const char *name)
{
	(void)sock, (void)socket, (void)name;
	return c->nobody ? &policy_nobody : &c->class;
}

void classes_put(struct classes *c)
{
	if (!c)
		return;
	pthread_mutex_lock(&lock);
	bool last = --c->references == 0;
	pthread_mutex_unlock(&lock);
	if (last)
		free(c);
}
