/* SPDX-License-Identifier: MIT */
/* Says in sentences what a class means. */
#ifndef ZCRXD_EXPLAIN_H
#define ZCRXD_EXPLAIN_H

#include <stdio.h>

#include "policy/policy.h"

/* Prints what the class may do, one sentence a line. Each line begins with `start`. */
void explain_class(const struct policy_class *c, const char *start, FILE *out);

/* Prints who belongs to the class, as part of a sentence. */
void explain_who(const struct policy_class *c, FILE *out);

#endif
