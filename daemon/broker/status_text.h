/* SPDX-License-Identifier: MIT */
/* The status document, docs/status.md: JSON of a snapshot, and of the classes as they are now. */
#ifndef ZCRXD_STATUS_TEXT_H
#define ZCRXD_STATUS_TEXT_H

#include <stddef.h>

#include "daemon/broker/snapshot.h"

/* On any thread. Returns the text, which is the caller's to free, or NULL without memory. */
char *status_text(const struct snapshot *s, size_t *ret_bytes);

#endif
