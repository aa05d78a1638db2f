/* SPDX-License-Identifier: MIT */
/* An ordinary client in a thread of its own, which sends itself a stream and checks every byte. */
#ifndef TESTS_HOSTILE_NEIGHBOUR_H
#define TESTS_HOSTILE_NEIGHBOUR_H

#include <stdbool.h>
#include <stdint.h>

struct neighbour;

/* Returns when it has received its first bytes. socket: where the daemon listens. */
struct neighbour *neighbour_start(const char *socket);
void neighbour_stop(struct neighbour *n);

/* While it rests nothing is sent. Returns when this has taken effect. */
void neighbour_rest(struct neighbour *n, bool on);

/* Pieces of the stream that came so far; what went wrong, or NULL. */
uint64_t neighbour_rounds(const struct neighbour *n);
const char *neighbour_trouble(const struct neighbour *n);

#endif
