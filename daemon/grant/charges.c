/* SPDX-License-Identifier: MIT */
#include "daemon/grant/charges.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/queue.h>

#define BUCKETS 1024u

struct charge {
	LIST_ENTRY(charge) link;
	struct user *user;
	enum {
		OF_MEMORY,
		OF_SOCKET,
		OF_LISTENER
	} of;
	uint64_t bytes; /* OF_MEMORY */
	int watch;
	bool seen; /* charges_see() was called */
};

LIST_HEAD(charges, charge);

static struct charges buckets[BUCKETS];

static struct charges *bucket_of(int watch)
{
	return &buckets[(unsigned)watch % BUCKETS];
}

static void charge_free(struct charge *c)
{
	if (c->of == OF_MEMORY) {
		account_release(c->user, ACCOUNT_BYTES, c->bytes);
		account_release(c->user, ACCOUNT_FILES, 1);
	} else {
		account_hosted_release(c->user, c->of == OF_LISTENER);
	}
	user_put(c->user);
	LIST_REMOVE(c, link);
	free(c);
}

/* The charge of this user, or, if u is NULL, of any user. */
static struct charge *charge_find(int watch, const struct user *u)
{
	struct charge *c;
	LIST_FOREACH (c, bucket_of(watch), link)
		if (c->watch == watch && (!u || c->user == u))
			return c;
	return NULL;
}

static int charge_new(struct user *u, int watch, uint64_t bytes, char *why)
{
	struct charge *c = malloc(sizeof(*c));
	if (!c)
		return -ENOMEM;
	int r = account_charge(u, ACCOUNT_FILES, 1, why);
	if (r == 0) {
		r = account_charge(u, ACCOUNT_BYTES, bytes, why);
		if (r < 0)
			account_release(u, ACCOUNT_FILES, 1);
	}
	if (r < 0) {
		free(c);
		return r;
	}
	*c = (struct charge){.user = user_ref(u), .bytes = bytes, .watch = watch};
	LIST_INSERT_HEAD(bucket_of(watch), c, link);
	return 0;
}

/* Charges a larger part of the file than before. */
static int charge_grow(struct charge *c, uint64_t bytes, char *why)
{
	if (bytes <= c->bytes)
		return 0;
	int r = account_charge(c->user, ACCOUNT_BYTES, bytes - c->bytes, why);
	if (r == 0)
		c->bytes = bytes;
	return r;
}

int charges_add(struct user *u, int watch, uint64_t bytes, char *why)
{
	struct charge *c = charge_find(watch, u);
	return c ? charge_grow(c, bytes, why) : charge_new(u, watch, bytes, why);
}

int charges_add_socket(struct user *u, int watch, bool listening)
{
	struct charge *c = malloc(sizeof(*c));
	int r = c ? account_hosted(u, listening) : -ENOMEM;
	if (r < 0) {
		free(c);
		return r;
	}
	*c = (struct charge){.user = user_ref(u),
			     .of = listening ? OF_LISTENER : OF_SOCKET,
			     .watch = watch};
	LIST_INSERT_HEAD(bucket_of(watch), c, link);
	return 0;
}

bool charges_any(int watch)
{
	return charge_find(watch, NULL);
}

bool charges_drop(int watch)
{
	struct charge *c;
	bool any = false;
	for (; (c = charge_find(watch, NULL)); any = true)
		charge_free(c);
	return any;
}

void charges_see(int watch)
{
	struct charge *c;
	LIST_FOREACH (c, bucket_of(watch), link)
		c->seen |= c->watch == watch;
}

bool charges_drop_unseen(void)
{
	struct charge *c, *next;
	bool any = false;
	for (size_t i = 0; i < BUCKETS; i++)
		for (c = LIST_FIRST(&buckets[i]); c; c = next) {
			next = LIST_NEXT(c, link);
			any |= !c->seen;
			if (c->seen)
				c->seen = false;
			else
				charge_free(c);
		}
	return any;
}

void charges_done(void)
{
	struct charge *c;
	for (size_t i = 0; i < BUCKETS; i++)
		while ((c = LIST_FIRST(&buckets[i])))
			charge_free(c);
}
