/* SPDX-License-Identifier: MIT */
/*
 * What the receivers of tests/kernel share. Each takes one connection whose bytes follow from a
 * seed and their position, and checks every one where the kernel put it. Whatever goes wrong ends
 * the program: status 1, or 77 for what this kernel cannot do.
 */
#ifndef TESTS_KERNEL_STREAM_H
#define TESTS_KERNEL_STREAM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "tests/kernel/die.h"

struct memory;

struct stream {
	uint64_t seed;
	uint64_t pos; /* bytes checked */
};

/* Checks the next bytes. */
void stream_take(struct stream *s, const void *at, size_t bytes);

/* Interface and hardware queue whose payload goes into memory. */
struct target {
	unsigned ifindex;
	unsigned queue;
	const struct memory *memory;
};

/*
 * The two ways of the kernel. Setting up takes the queue and gives it back at exit; receiving
 * returns at the end of the stream.
 */
void devmem_bind(const struct target *t);
void devmem_receive(const struct target *t, int sock, struct stream *s);
void zcrx_register(const struct target *t);
void zcrx_receive(const struct target *t, int sock, struct stream *s);

/* Binds the dma-buf to the queue until *ret_sock (a struct nl_sock) is freed; returns its id. */
uint32_t netdev_bind_rx(unsigned ifindex, unsigned queue, int dmabuf);

#endif
