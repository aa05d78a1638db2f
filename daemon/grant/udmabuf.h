/* SPDX-License-Identifier: MIT */
/* Makes a dma-buf of a client's memfd, for clients that may not open /dev/udmabuf themselves. */
#ifndef ZCRXD_UDMABUF_H
#define ZCRXD_UDMABUF_H

#include <stdint.h>

/*
 * Has a dma-buf made of the first bytes of a memfd, which is sealed against shrinking. They become
 * memory that cannot be swapped out, and are charged before. Returns the descriptor or a negative
 * errno.
 */
int udmabuf_new(int memfd, uint64_t bytes);

#endif
