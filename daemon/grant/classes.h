/* SPDX-License-Identifier: MIT */
/*
 * The policy in force. It is never changed, only replaced as a whole; whoever judges by it holds a
 * reference, so that a reload pulls nothing from under anybody.
 *
 * Any thread may call.
 */
#ifndef ZCRXD_CLASSES_H
#define ZCRXD_CLASSES_H

#include "policy/policy.h"

struct classes;

/*
 * Puts a policy in force (what it holds is taken over) and its limits with it. Returns 0 or
 * -ENOMEM, then nothing changed.
 */
int classes_set(struct policy *p);

/* The one in force. Before the first classes_set() there is none. */
struct classes *classes_get(void);
bool classes_in_force(const struct classes *c);
const struct policy *classes_policy(const struct classes *c);
/*
 * The class there of who connected by this socket to that of a class ("": to the shared one), if it
 * still has this name; else policy_nobody.
 */
const struct policy_class *classes_class(const struct classes *c, int sock, const char *socket,
					 const char *name);
/* NULL is fine. */
void classes_put(struct classes *c);

/* Takes the last one out of force. */
void classes_done(void);

#endif
