/* SPDX-License-Identifier: MIT */
/*
 * The policy in force. It is never changed, only replaced as a whole. Whoever judges by a policy
 * holds a reference to it, so that it stays until nobody does. Any thread may call.
 */
#ifndef ZCRXD_CLASSES_H
#define ZCRXD_CLASSES_H

#include "policy/policy.h"

struct classes;

/*
 * Puts a policy and its limits in force. What the policy holds is taken over. Returns 0, or
 * -ENOMEM; then nothing has changed.
 */
int classes_set(struct policy *p);

/* Returns a reference to the policy in force. classes_set() has to be called before. */
struct classes *classes_get(void);
bool classes_in_force(const struct classes *c);
const struct policy *classes_policy(const struct classes *c);
/*
 * The class of a client by this policy. socket: the class whose socket the client connected to; "":
 * the shared socket. Returns policy_nobody unless the class has the name that it had when the
 * client connected.
 */
const struct policy_class *classes_class(const struct classes *c, int sock, const char *socket,
					 const char *name);
/* NULL is fine. */
void classes_put(struct classes *c);

/* Afterwards no policy is in force. */
void classes_done(void);

#endif
