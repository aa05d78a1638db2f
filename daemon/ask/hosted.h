/* SPDX-License-Identifier: MIT */
#ifndef ZCRXD_ASK_HOSTED_H
#define ZCRXD_ASK_HOSTED_H

#include <stdint.h>

struct hosted;

/* The number that the socket has in messages to the broker. */
uint32_t ask_hosted_id(const struct hosted *h);

#endif
