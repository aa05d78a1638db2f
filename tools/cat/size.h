/* SPDX-License-Identifier: MIT */
/* Numbers as they are given on the command line. */
#ifndef CAT_SIZE_H
#define CAT_SIZE_H

#include <stdbool.h>
#include <stdint.h>

/* "64M" to bytes: K, M, G count by 1024. False for anything else, and for more than fits. */
bool size_parse(const char *text, uint64_t *ret);

#endif
