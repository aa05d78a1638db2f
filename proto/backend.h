/* SPDX-License-Identifier: MIT */
/*
 * The backends: how payload gets into an area. Numbers are the protocol's and are never reused;
 * names are those of options, zcrxd.conf and reports.
 */
#ifndef ZCRX_PROTO_BACKEND_H
#define ZCRX_PROTO_BACKEND_H

#include <stddef.h>
#include <stdint.h>

/* NAME, number, name, 1 if it receives on leased hardware queues, from the least to the best */
#define BACKEND_TABLE(X)          \
	X(COPY, 1, "copy", 0)     \
	X(DEVMEM, 2, "devmem", 1) \
	X(ZCRX, 3, "zcrx", 1)

enum msg_backend {
	MSG_BACKEND_AUTO = 0, /* in a request: the best that works */
#define X(NAME, number, name, leased) MSG_BACKEND_##NAME = number,
	BACKEND_TABLE(X)
#undef X
};

/* Sets of backends: bits 1 << enum msg_backend. */
enum backend_set {
#define X(NAME, number, name, leased) BACKEND_BIT_##NAME = 1 << number,
	BACKEND_TABLE(X)
#undef X
#define X(NAME, number, name, leased) | (1 << number)
	BACKENDS_ALL = 0 BACKEND_TABLE(X),
#undef X
#define X(NAME, number, name, leased) | (leased << number)
	BACKENDS_LEASED = 0 BACKEND_TABLE(X)
#undef X
};

/* All names, a blank before each: part of a sentence, known when it is compiled. */
#define BACKEND_SPACED_NAME(NAME, number, name, leased) " " name
#define BACKEND_NAMES                                   BACKEND_TABLE(BACKEND_SPACED_NAME)

/* "unknown" if there is none of this number. */
const char *backend_name(uint32_t number);

/* The number of the backend of this name; MSG_BACKEND_AUTO if there is none. */
uint32_t backend_find(const char *name);

/* The bit of a backend; 0 if there is none of this number. */
static inline uint32_t backend_bit(uint32_t number)
{
	return number < 32 ? 1u << number & BACKENDS_ALL : 0;
}

/* Writes the names of the set, the best first, with `between` in between; cuts what is too long. */
void backend_names(uint32_t set, const char *between, char *ret, size_t bytes);

#endif
