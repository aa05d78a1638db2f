/* SPDX-License-Identifier: MIT */
/*
 * How long a client waits until it can receive: connects, and opens a queue over an area, ROUNDS
 * times one after the other. Prints one line of JSON: nanoseconds, of each round.
 */
#include "bench/bench.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <zcrx.h>

enum {
	AREA_BYTES = 1 << 20,
	ROUNDS_MAX = 10000
};

/* What the round before has left is over by then. */
static const struct timespec rest = {.tv_nsec = 20000000};

struct round {
	uint64_t connected_ns, ready_ns;
};

static void check(const struct zcrx *z, const char *what, int r)
{
	if (r >= 0)
		return;
	if (z && zcrx_error(z)[0])
		fprintf(stderr, "bench: %s\n", zcrx_error(z));
	bench_die(what, r);
}

static struct round once(void)
{
	struct zcrx *z = NULL;
	struct zcrx_area *a;
	struct zcrx_queue *q;
	uint64_t begin = bench_now_ns();

	check(z, "zcrx_connect", zcrx_connect(&z, NULL));
	uint64_t connected = bench_now_ns();
	check(z, "zcrx_area_new", zcrx_area_new(z, &a, AREA_BYTES, 0));
	check(z, "zcrx_queue_open", zcrx_queue_open(z, &q, a, NULL));
	uint64_t ready = bench_now_ns();
	zcrx_close(z);
	return (struct round){connected - begin, ready - begin};
}

int main(int argc, char **argv)
{
	static struct round found[ROUNDS_MAX];
	int rounds = argc == 2 ? atoi(argv[1]) : 0; /* NOLINT(cert-err34-c): 0 is refused */

	if (rounds < 1 || rounds > ROUNDS_MAX) {
		fprintf(stderr, "usage: bench-connect ROUNDS\n");
		return 2;
	}
	for (int i = 0; i < rounds; i++) {
		found[i] = once();
		nanosleep(&rest, NULL);
	}
	printf("{\"connect\": [");
	for (int i = 0; i < rounds; i++)
		printf("%s%" PRIu64, i ? ", " : "", found[i].connected_ns);
	printf("], \"ready\": [");
	for (int i = 0; i < rounds; i++)
		printf("%s%" PRIu64, i ? ", " : "", found[i].ready_ns);
	printf("]}\n");
	return 0;
}
