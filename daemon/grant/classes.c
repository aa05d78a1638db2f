/* SPDX-License-Identifier: MIT */
#include "daemon/grant/classes.h"
#include "daemon/grant/account.h"
#include "daemon/grant/identity.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

struct classes {
	struct policy policy;
	uint32_t references;
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct classes *in_force; /* holds a reference; read atomically */

static const struct limits *limits_of(const char *pool, void *data)
{
	const struct policy_class *c = policy_class_find(data, pool);
	return c ? &c->limits : &policy_nobody.limits;
}

static void replace(struct classes *c)
{
	pthread_mutex_lock(&lock);
	struct classes *old = in_force;
	__atomic_store_n(&in_force, c, __ATOMIC_RELAXED);
	pthread_mutex_unlock(&lock);
	classes_put(old);
}

int classes_set(struct policy *p)
{
	struct classes *c = malloc(sizeof(*c));
	if (!c)
		return -ENOMEM;
	*c = (struct classes){.policy = *p, .references = 1};
	*p = (struct policy){0};
	account_limits(limits_of, &c->policy);
	replace(c);
	return 0;
}

void classes_done(void)
{
	replace(NULL);
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

const struct policy *classes_policy(const struct classes *c)
{
	return &c->policy;
}

const struct policy_class *classes_class(const struct classes *c, int sock, const char *socket,
					 const char *name)
{
	pid_t pid;
	struct policy_identity who = {.socket = *socket ? socket : NULL};
	const struct policy_class *class = NULL;
	if (identity_read(&who, &pid, sock) == 0)
		class = policy_class_of(&c->policy, &who);
	identity_done(&who);
	return class && strcmp(class->name, name) == 0 ? class : &policy_nobody;
}

void classes_put(struct classes *c)
{
	if (!c)
		return;
	pthread_mutex_lock(&lock);
	bool last = --c->references == 0;
	pthread_mutex_unlock(&lock);
	if (!last)
		return;
	policy_done(&c->policy);
	free(c);
}
