/* SPDX-License-Identifier: MIT */
/* What a class means, in sentences. */
#ifndef ZCRXD_EXPLAIN_H
#define ZCRXD_EXPLAIN_H

#include <stdio.h>

#include "policy/policy.h"

/* One line a sentence, each begun with start. */
void explain_class(const struct policy_class *c, const char *start, FILE *out);

/* Who is of it, as part of a sentence. */
void explain_who(const struct policy_class *c, FILE *out);

#endif
