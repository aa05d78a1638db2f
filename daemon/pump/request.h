/* SPDX-License-Identifier: MIT */
/*
 * What each request does. Each request of MSG_REQUESTS has a handler, which gets the checked
 * message and fills the answer. It returns REASON_NONE, or why it refused; REQUEST_PENDING when the
 * answer comes later.
 */
#ifndef ZCRXD_REQUEST_H
#define ZCRXD_REQUEST_H

#include <stdint.h>

#include "daemon/common/answer.h"
#include "daemon/pump/model.h"

uint32_t request_handle(struct client *c, const union msg_any *m, struct answer *a);

#endif
