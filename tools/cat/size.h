/* SPDX-License-Identifier: MIT */
/* Parses sizes on the command line. */
#ifndef CAT_SIZE_H
#define CAT_SIZE_H

#include <stdbool.h>
#include <stdint.h>

/*
 * Parses "64M" to bytes; K, M and G count by 1024. Returns false for anything else, and for a
 * number that is too large.
 */
bool size_parse(const char *text, uint64_t *ret);

#endif
