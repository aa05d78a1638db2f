/* SPDX-License-Identifier: MIT */
#ifndef ZCRXD_HOLDER_H
#define ZCRXD_HOLDER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Says by whom a NIC's queue is held, as far as can be seen from here. False: by nobody. */
bool holder_say(const char *nic, uint32_t rxq, char *ret, size_t bytes);

#endif
