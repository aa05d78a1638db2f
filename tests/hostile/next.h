/* SPDX-License-Identifier: MIT */
/* What the next release's link has more than this one's. */
#ifndef TESTS_HOSTILE_NEXT_H
#define TESTS_HOSTILE_NEXT_H

#include "daemon/link/link.h"

#define NEXT_BYTES 8u
#define NEXT_TOLD  9u  /* a message that the broker tells */
#define NEXT_ASKED 63u /* a request of a pump's */

#endif
