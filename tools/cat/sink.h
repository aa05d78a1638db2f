/* SPDX-License-Identifier: MIT */
/* Where the payload goes: to a file or nowhere, and through SHA-256 if that is wanted. */
#ifndef CAT_SINK_H
#define CAT_SINK_H

#include "tools/cat/waiter.h"

#include <stdbool.h>
#include <stddef.h>

struct sink;

/*
 * Opens a sink. path: "-" for stdout, NULL for nowhere; a file is created or emptied. The caller
 * calls sink_close(). Returns 0 or a negative errno.
 */
int sink_open(struct sink **ret, const char *path, bool sha256);

/*
 * Writes all of the data, even if the file takes parts of it only. Returns 0, the negative errno of
 * write(2), or what waiter_check() returns if it was stopped while it waited.
 */
int sink_write(struct sink *s, const struct waiter *w, const void *data, size_t bytes);

enum {
	SINK_SHA256_CHARS = 64
};

/*
 * Writes the hash of all data in hexadecimal. To be called once. Returns false if no hash is
 * wanted.
 */
bool sink_sha256(struct sink *s, char hex[SINK_SHA256_CHARS + 1]);

/* Closes and frees the sink. Returns 0 or the negative errno of close(2). NULL is fine. */
int sink_close(struct sink *s);

#endif
