/* SPDX-License-Identifier: MIT */
/* What the two ends of zcrx-many share: what the command line asks for, and where they meet. */
#ifndef TESTS_ZCRX_MANY_H
#define TESTS_ZCRX_MANY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>
#include <zcrx.h>

enum {
	FLOWS_MAX = 512,
	PATIENCE_MS = 30000
};

struct many {
	const char *how, *ip;
	uint16_t port;
	unsigned flows;
	uint64_t bytes;  /* of each */
	unsigned rounds; /* one after the other, each on the next port */
	uint64_t seed;   /* of the streams */
	/*
	 * Each is as long as it got until the sender's standard input ended, at most `bytes`. Its
	 * seed is `seed` and the port of the sender, so that no two have the same bytes.
	 */
	bool open_ended;
	uint32_t rate; /* of each, in bytes a second, at most; 0: as fast as can be */

	/* Of the receiver alone. */
	struct zcrx_queue_options queue;
	size_t area_bytes;
	unsigned huge;      /* binary logarithm of the size of pages that are; 0: they are not */
	const char *memory; /* kind of a dma-buf, or NULL: the library's memfd */
	uint32_t where;     /* ZCRX_FLOW_HOST or 0 */
	bool control;       /* adopted sockets have TCP_INQ and SO_TIMESTAMPNS */
	const char *behaviour;
	unsigned pause_us; /* of the harmful */
	bool looks;        /* for what is not its own */
	bool linger;       /* until the standard input ends */
};

socklen_t many_address(const struct many *m, struct sockaddr_storage *ret);

/* The port of an address of either kind. */
uint16_t many_port(const struct sockaddr_storage *a);

/* A socket that listens there; the address need not be one of this machine's. */
int many_listener(const struct many *m);

/* Tells who started this that a connection may come. */
void many_ready(void);

void many_send(struct many *m);
void many_receive(struct many *m);

#endif
