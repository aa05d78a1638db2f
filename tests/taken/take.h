/* SPDX-License-Identifier: MIT */
/* The test's side of a pump that was taken over. */
#ifndef TESTS_TAKEN_TAKE_H
#define TESTS_TAKEN_TAKE_H

#include <stddef.h>
#include <stdint.h>

#include "tests/hostile/raw.h"
#include "tests/taken/order.h"

#define TAKEN_ENDED INT32_MIN /* the pump has ended */

struct taken {
	struct raw r;
	struct raw_queue q;
	struct outcome got; /* of the last order */
};

/* The pump of t->r obeys orders from now on. */
void taken_begin(struct taken *t);
/* Returns what came of it, or TAKEN_ENDED. */
int64_t taken_order(struct taken *t, const struct taken_order *o, const int *fds, size_t nfds);
int64_t taken_outcome(struct taken *t);
/* It is an ordinary pump again. */
void taken_resume(struct taken *t);

#endif
