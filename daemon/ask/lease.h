/* SPDX-License-Identifier: MIT */
#ifndef ZCRXD_ASK_LEASE_H
#define ZCRXD_ASK_LEASE_H

#include <stdint.h>

struct lease;

/* The number by which the broker knows it. */
uint32_t ask_lease_id(const struct lease *l);

#endif
