/* SPDX-License-Identifier: MIT */
/* Where the payload goes: a file, nowhere, and on the way through SHA-256 if wanted. */
#ifndef CAT_SINK_H
#define CAT_SINK_H

#include "tools/cat/waiter.h"

#include <stdbool.h>
#include <stddef.h>

struct sink;

/*
 * path: "-" for stdout, NULL for nowhere; a file is created or emptied. The caller ends it with
 * sink_close(). Returns 0 or a negative errno.
 */
int sink_open(struct sink **ret, const char *path, bool sha256);

/*
 * Passes all of the data on, however often the file takes only a part of it. Returns 0, what
 * write(2) ended with, or as waiter_check does when it had to wait and was stopped.
 */
int sink_write(struct sink *s, const struct waiter *w, const void *data, size_t bytes);

enum {
	SINK_SHA256_CHARS = 64
};

/* The hash of all that was passed on, in hexadecimal; to be called once. False if not wanted. */
bool sink_sha256(struct sink *s, char hex[SINK_SHA256_CHARS + 1]);

/* Closes and frees it. Returns 0 or the negative errno of close(2). NULL is fine. */
int sink_close(struct sink *s);

#endif
