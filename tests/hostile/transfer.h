/* SPDX-License-Identifier: MIT */
/*
 * Streams at full rate over the loopback device: tests/zcrx's sender and its receiver, which is a
 * client, each a process. The receiver compares every byte with what the sender made, and ends with
 * an error if one differs, if a stream or its queue ends, or if nothing comes.
 */
#ifndef TESTS_HOSTILE_TRANSFER_H
#define TESTS_HOSTILE_TRANSFER_H

#include <stdint.h>
#include <stdio.h>
#include <sys/types.h>

struct transfer {
	struct transfer_end {
		pid_t pid;
		int in;    /* its standard input */
		FILE *out; /* its standard output */
	} receives, sends;
};

/*
 * Begins `flows` streams to a client of the backend copy. socket: where zcrxd listens. number:
 * 0 to 6, no other transfer has it now.
 */
void transfer_start(struct transfer *t, const char *socket, unsigned number, unsigned flows);

/* Fails if one of its ends has ended. */
void transfer_goes_on(const struct transfer *t);

/*
 * Ends the streams; the receiver has to have had all bytes. Returns the longest time in which
 * nothing came, in ns, and the number of bytes of all its streams.
 */
uint64_t transfer_end(struct transfer *t, uint64_t *ret_bytes);

#endif
