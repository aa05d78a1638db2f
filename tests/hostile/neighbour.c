/* SPDX-License-Identifier: MIT */
/* The thread may not use cmocka: what goes wrong in it is left as a text for the test's thread. */
#include "tests/hostile/neighbour.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>
#include <zcrx.h>

#include "tests/harness/harness.h"

enum {
	PIECE = 32 * 1024,
	AREA = 512 * 1024,
	BETWEEN_US = 2000,
	SEED = 4711
};

struct neighbour {
	pthread_t thread;
	struct zcrx *z;
	struct zcrx_area *area;
	struct zcrx_queue *q;
	struct zcrx_flow *flow;
	int sock[2]; /* sender, adopted */
	uint64_t pos;
	char text[200];
	/* Shared between the threads. */
	bool stop, rest, resting;
	uint64_t rounds;
	const char *trouble;
};

static void trouble(struct neighbour *n, const char *what, int detail)
{
	snprintf(n->text, sizeof(n->text), "%s (%d) after %ju bytes", what, detail,
		 (uintmax_t)n->pos);
	__atomic_store_n(&n->trouble, n->text, __ATOMIC_RELEASE);
}

/* Takes what is there. Returns the number of bytes, -1 if they are not the right ones. */
static int64_t take(struct neighbour *n)
{
	struct zcrx_completion c[16];
	int count = zcrx_reap(n->q, c, 16);
	int64_t bytes = 0;
	for (int i = 0; i < count; i++) {
		const char *at = (const char *)zcrx_area_data(n->area) + c[i].off;
		if (c[i].what != ZCRX_DATA) {
			trouble(n, "its flow or queue ended", c[i].error);
			return -1;
		}
		if (!harness_pattern_is(at, SEED, n->pos, c[i].len)) {
			trouble(n, "it received wrong bytes", (int)c[i].len);
			return -1;
		}
		n->pos += c[i].len;
		bytes += c[i].len;
	}
	zcrx_recycle(n->q, c, count);
	return bytes;
}

static bool round_trip(struct neighbour *n)
{
	char piece[PIECE];
	uint64_t until = harness_now_ms() + HARNESS_PATIENCE_MS;
	harness_pattern(piece, SEED, n->pos, PIECE);
	if (send(n->sock[0], piece, PIECE, MSG_NOSIGNAL) != PIECE) {
		trouble(n, "it cannot send", 0);
		return false;
	}
	for (int64_t left = PIECE; left > 0;) {
		int64_t got = take(n);
		if (got < 0)
			return false;
		left -= got;
		if (got > 0 || zcrx_wait(n->q, 100) > 0)
			continue;
		if (harness_now_ms() > until) {
			trouble(n, "it received nothing for a minute", 0);
			return false;
		}
	}
	return true;
}

static void *run(void *arg)
{
	struct neighbour *n = arg;
	while (!__atomic_load_n(&n->stop, __ATOMIC_ACQUIRE)) {
		bool rest = __atomic_load_n(&n->rest, __ATOMIC_ACQUIRE);
		__atomic_store_n(&n->resting, rest, __ATOMIC_RELEASE);
		if (!rest && !round_trip(n))
			break;
		if (!rest)
			__atomic_add_fetch(&n->rounds, 1, __ATOMIC_RELEASE);
		usleep(BETWEEN_US);
	}
	return NULL;
}

struct neighbour *neighbour_start(const char *socket)
{
	struct neighbour *n = calloc(1, sizeof(*n));
	assert_non_null(n);
	harness_pair(n->sock);
	assert_int_equal(zcrx_connect(&n->z, socket), 0);
	assert_int_equal(zcrx_area_new(n->z, &n->area, AREA, 0), 0);
	assert_int_equal(zcrx_queue_open(n->z, &n->q, n->area, NULL), 0);
	assert_int_equal(zcrx_flow_adopt(n->q, &n->flow, n->sock[1], 0, NULL), 0);
	assert_true(round_trip(n));
	assert_int_equal(pthread_create(&n->thread, NULL, run, n), 0);
	return n;
}

void neighbour_stop(struct neighbour *n)
{
	__atomic_store_n(&n->stop, true, __ATOMIC_RELEASE);
	pthread_join(n->thread, NULL);
	zcrx_close(n->z);
	close(n->sock[0]);
	close(n->sock[1]);
	free(n);
}

void neighbour_rest(struct neighbour *n, bool on)
{
	__atomic_store_n(&n->rest, on, __ATOMIC_RELEASE);
	while (__atomic_load_n(&n->resting, __ATOMIC_ACQUIRE) != on && !neighbour_trouble(n))
		usleep(BETWEEN_US);
}

uint64_t neighbour_rounds(const struct neighbour *n)
{
	return __atomic_load_n(&n->rounds, __ATOMIC_ACQUIRE);
}

const char *neighbour_trouble(const struct neighbour *n)
{
	return __atomic_load_n(&n->trouble, __ATOMIC_ACQUIRE);
}
