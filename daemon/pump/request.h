/* SPDX-License-Identifier: MIT */
/*
 * What each request does. A handler gets a checked message and its descriptors (what it keeps it
 * replaces by -1) and fills the reply. It returns REASON_NONE, or why it refused; REQUEST_PENDING
 * when the answer comes later.
 */
#ifndef ZCRXD_REQUEST_H
#define ZCRXD_REQUEST_H

#include <stdint.h>

#include "daemon/common/answer.h"
#include "daemon/pump/model.h"

uint32_t request_handle(struct client *c, const union msg_any *m, int *fds, struct answer *a);

/* Size of the reply to a request type, in bytes. */
uint32_t request_reply_bytes(uint16_t type);

#endif
