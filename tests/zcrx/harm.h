/* SPDX-License-Identifier: MIT */
/* Clients that mean harm, and one that only looks. */
#ifndef TESTS_ZCRX_HARM_H
#define TESTS_ZCRX_HARM_H

#include <stdbool.h>
#include <stdint.h>
#include <zcrx.h>

#include "tests/zcrx/demand.h"

/* Is there a behaviour of that name? */
bool harm_is(const char *how);

/* Behaves like that, for ever. */
_Noreturn void harm(const char *how, const struct harmful *with);

/*
 * Ends the program if anything of a stream but that number `seed` is in the area or in memory that
 * zcrxd shares with this process, or if nothing of that one is: then this would see nothing.
 */
void harm_search(const struct zcrx_area *a, uint64_t seed);

#endif
