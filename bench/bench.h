/* SPDX-License-Identifier: MIT */
/*
 * What the receivers of the benchmark share, so that they differ only in how bytes reach them:
 * command line, listening socket, clocks, and the one line of JSON at the end.
 */
#ifndef BENCH_H
#define BENCH_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct bench {
	unsigned flows;      /* connections to wait for */
	size_t area_bytes;   /* memory that payload lands in */
	size_t buffer_bytes; /* unit it is divided into */
	bool read;           /* touch every byte */
	bool verify;         /* compare every byte with what bench-send sends on its one flow */
	bool echo;           /* send everything back */
	pid_t daemon;        /* whose CPU time counts too, 0: none */
	const char *nic;     /* to receive from by zero copy, NULL: not */
	bool devmem;         /* from there by devmem TCP, into a udmabuf */
	unsigned rxq;        /* its receive queue, for a receiver that takes it itself */
	size_t batch_bytes;  /* bench_accept_all(): of all flows, before any wakes; 0: at once */

	int *socks; /* of the flows, of a receiver that accepts them all at once */
	uint64_t bytes;
	uint64_t sum;
	uint64_t completions;  /* with data, of a receiver that counts them */
	uint64_t enters;       /* calls that receive or give back, of one that counts them */
	uint64_t cpu_begin_ns; /* with the daemon's */
	uint64_t own_begin_ns;
	uint64_t first_ns; /* when the first byte was seen */
};

/* Fills in b from the command line; ends the program on wrong usage. */
void bench_options(struct bench *b, int argc, char **argv);

/* The address at which receivers listen: $BENCH_ADDRESS, or 127.0.0.1 without that; port 0. */
struct sockaddr_in bench_address(void);

/* A socket listening there on a free port. */
int bench_listen(unsigned backlog);

/* Tells the driver the port of the listening socket and starts the clocks. */
void bench_begin(struct bench *b, int listener);

/*
 * Fills in b->socks, one for each flow: blocking, without Nagle's delay. For receivers that sleep
 * in io_uring_enter(2): from now on a signal ends that each second, with -EINTR, and bench_nudge()
 * makes the kernel go on with receives that it has left asleep, for the reason in
 * daemon/pump/nudge.h.
 */
void bench_accept_all(struct bench *b, int listener);
void bench_nudge(const struct bench *b);

/*
 * Accepts the flows and calls receive when a socket has something for it, until it has returned
 * false, at the end of the stream, for each.
 */
void bench_receive(const struct bench *b, int listener, bool (*receive)(void *receiver, int sock),
		   void *receiver);

/* Counts a piece of payload that arrived on the socket; reads and echoes it if so asked. */
void bench_take(struct bench *b, int sock, const void *data, size_t bytes);

/*
 * Stops the clocks, prints the result and frees b->socks; extra is further members of the JSON
 * object, or "".
 */
void bench_end(const struct bench *b, const char *extra);

/* Ends the program with the meaning of a negative errno. */
_Noreturn void bench_die(const char *what, int error);

/* Monotonic. */
uint64_t bench_now_ns(void);

#endif
