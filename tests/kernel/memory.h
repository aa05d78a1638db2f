/* SPDX-License-Identifier: MIT */
/* Memory that a network interface can be told to receive into, of every kind a machine offers. */
#ifndef TESTS_KERNEL_MEMORY_H
#define TESTS_KERNEL_MEMORY_H

#include <stddef.h>

struct memory {
	int fd; /* the dma-buf; -1: plain memory of this process */
	void *at;
	size_t bytes;
};

/*
 * Kinds: "plain", "udmabuf" (a sealed memfd), "system" (the system dma-heap), "vgem" (a DRM buffer
 * object). Ends the program if it cannot be had: as a skip where the kernel lacks the device, as a
 * failure otherwise.
 */
void memory_init(struct memory *m, const char *kind, size_t bytes);
void memory_done(struct memory *m);

/* The processor reads what the device wrote between these two only. */
void memory_begin(const struct memory *m);
void memory_end(const struct memory *m);

#endif
