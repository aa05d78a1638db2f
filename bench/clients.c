/* SPDX-License-Identifier: MIT */
/*
 * Many clients of one daemon: each is a process with a queue, a listener on it and some flows that
 * it sends to itself, message by message, for some seconds. Every byte is compared. With no flows a
 * client only holds its queue open.
 */
#include "bench/bench.h"

#include <zcrx.h>

#include <errno.h>
#include <inttypes.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>

enum {
	AREA_BYTES = 1 << 20,
	MESSAGE_BYTES = 32 << 10,
	CLIENTS_MAX = 100000,
	FLOWS_MAX = 64,
	SECONDS_MAX = 86400,
	PERIOD = 251, /* of the pattern; prime, so that no wrong buffer looks right */
	WAIT_MS = 20000,
};

struct stream {
	uint64_t pos;
	uint16_t port; /* the sender's, which shifts the pattern */
};

struct client {
	struct zcrx *zcrx;
	struct zcrx_area *area;
	struct zcrx_queue *queue;
	struct sockaddr_in at; /* the listener */
	unsigned nr_flows;
	int socks[FLOWS_MAX];      /* to send on */
	uint16_t ports[FLOWS_MAX]; /* theirs */
	uint64_t sent;             /* by each of them */
	struct stream streams[FLOWS_MAX];
	unsigned nr_opened, nr_ended;
};

static uint8_t pattern[MESSAGE_BYTES * 2 + PERIOD];

static const uint8_t *expected(uint16_t port, uint64_t pos)
{
	return pattern + (port + pos) % PERIOD;
}

static void check(const struct client *x, const char *what, int r)
{
	if (r >= 0)
		return;
	if (x->zcrx && zcrx_error(x->zcrx)[0])
		fprintf(stderr, "bench: %s\n", zcrx_error(x->zcrx));
	bench_die(what, r);
}

/* Connects the sockets to send on to the listener. */
static void client_dial(struct client *x)
{
	for (unsigned i = 0; i < x->nr_flows; i++) {
		struct sockaddr_in from = {0};
		socklen_t len = sizeof(from);
		int sock = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

		if (connect(sock, (struct sockaddr *)&x->at, sizeof(x->at)) < 0 ||
		    getsockname(sock, (struct sockaddr *)&from, &len) < 0)
			bench_die("connect", -errno);
		x->socks[i] = sock;
		x->ports[i] = ntohs(from.sin_port);
	}
}

static void client_open(struct client *x)
{
	struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
	struct zcrx_flow *listener;
	socklen_t len = sizeof(x->at);

	check(x, "zcrx_connect", zcrx_connect(&x->zcrx, NULL));
	check(x, "zcrx_area_new", zcrx_area_new(x->zcrx, &x->area, AREA_BYTES, 0));
	check(x, "zcrx_queue_open", zcrx_queue_open(x->zcrx, &x->queue, x->area, NULL));
	if (x->nr_flows == 0)
		return;
	check(x, "zcrx_flow_listen",
	      zcrx_flow_listen(x->queue, &listener, (struct sockaddr *)&at, sizeof(at), 0, NULL));
	check(x, "zcrx_flow_local", zcrx_flow_local(listener, (struct sockaddr *)&x->at, &len));
	client_dial(x);
}

static void client_opened(struct client *x, struct zcrx_flow *flow)
{
	struct stream *s = &x->streams[x->nr_opened++];
	struct sockaddr_in from = {0};
	socklen_t len = sizeof(from);

	check(x, "zcrx_flow_remote", zcrx_flow_remote(flow, (struct sockaddr *)&from, &len));
	s->port = ntohs(from.sin_port);
	zcrx_flow_set_user(flow, s);
}

static void client_data(struct client *x, const struct zcrx_completion *c)
{
	struct stream *s = c->user;
	const uint8_t *data = (const uint8_t *)zcrx_area_data(x->area) + c->off;

	if (!s || c->len > MESSAGE_BYTES || memcmp(data, expected(s->port, s->pos), c->len) != 0) {
		fprintf(stderr, "bench: wrong bytes at position %" PRIu64 "\n", s ? s->pos : 0);
		exit(1); /* NOLINT(concurrency-mt-unsafe): one thread */
	}
	s->pos += c->len;
}

static void client_handle(struct client *x, const struct zcrx_completion *c)
{
	switch ((enum zcrx_what)c->what) {
	case ZCRX_OPEN:
		client_opened(x, c->flow);
		break;
	case ZCRX_DATA:
		client_data(x, c);
		break;
	case ZCRX_END:
		check(x, "a stream", c->error);
		zcrx_flow_close(c->flow, 0);
		x->nr_ended++;
		break;
	case ZCRX_LOST:
		check(x, "the queue", c->error);
		break;
	}
}

/* Has everything that was sent arrived? */
static bool client_is_level(const struct client *x)
{
	for (unsigned i = 0; i < x->nr_flows; i++)
		if (x->streams[i].pos != x->sent)
			return false;
	return true;
}

static void client_step(struct client *x)
{
	struct zcrx_completion c[64];
	int n = zcrx_reap(x->queue, c, 64);

	check(x, "zcrx_reap", n);
	for (int i = 0; i < n; i++)
		client_handle(x, &c[i]);
	zcrx_recycle(x->queue, c, n);
	if (n > 0)
		return;
	n = zcrx_wait(x->queue, WAIT_MS);
	check(x, "zcrx_wait", n ? n : -ETIMEDOUT);
}

static void client_exchange(struct client *x, uint64_t until_ns)
{
	while (bench_now_ns() < until_ns) {
		for (unsigned i = 0; i < x->nr_flows; i++) {
			const uint8_t *data = expected(x->ports[i], x->sent);

			if (send(x->socks[i], data, MESSAGE_BYTES, MSG_NOSIGNAL) != MESSAGE_BYTES)
				bench_die("send", -errno);
		}
		x->sent += MESSAGE_BYTES;
		while (!client_is_level(x))
			client_step(x);
	}
	for (unsigned i = 0; i < x->nr_flows; i++)
		shutdown(x->socks[i], SHUT_WR);
	while (x->nr_ended < x->nr_opened)
		client_step(x);
}

static _Noreturn void client_run(unsigned nr_flows, uint64_t until_ns, uint64_t *bytes)
{
	struct client x = {.nr_flows = nr_flows};
	const struct timespec until = {
		.tv_sec = (time_t)(until_ns / 1000000000u),
		.tv_nsec = (long)(until_ns % 1000000000u),
	};

	client_open(&x);
	if (nr_flows > 0)
		client_exchange(&x, until_ns);
	else
		clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &until, NULL);
	*bytes = x.sent * nr_flows;
	zcrx_close(x.zcrx);
	exit(0); /* NOLINT(concurrency-mt-unsafe): one thread */
}

static bool number(const char *text, unsigned long min, unsigned long max, unsigned long *ret)
{
	char *end;

	errno = 0;
	*ret = strtoul(text, &end, 10);
	return *text >= '0' && *text <= '9' && !*end && !errno && *ret >= min && *ret <= max;
}

int main(int argc, char **argv)
{
	unsigned long nr_clients, nr_flows, seconds;
	uint64_t until_ns, *bytes, total = 0;
	int status, failed = 0;

	if (argc != 4 || !number(argv[1], 1, CLIENTS_MAX, &nr_clients) ||
	    !number(argv[2], 0, FLOWS_MAX, &nr_flows) ||
	    !number(argv[3], 0, SECONDS_MAX, &seconds)) {
		fprintf(stderr,
			"usage: bench-clients CLIENTS FLOWS SECONDS\n"
			"CLIENTS: 1 to %d, FLOWS: 0 to %d, SECONDS: 0 to %d\n",
			CLIENTS_MAX, FLOWS_MAX, SECONDS_MAX);
		return 2;
	}
	until_ns = bench_now_ns() + seconds * 1000000000u;
	for (size_t i = 0; i < sizeof(pattern); i++)
		pattern[i] = (uint8_t)(i % PERIOD);
	bytes = mmap(NULL, nr_clients * sizeof(*bytes), PROT_READ | PROT_WRITE,
		     MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (bytes == MAP_FAILED)
		bench_die("mmap", -errno);
	for (unsigned long i = 0; i < nr_clients; i++) {
		pid_t pid = fork();

		if (pid < 0)
			bench_die("fork", -errno);
		if (pid == 0) {
			prctl(PR_SET_PDEATHSIG, SIGKILL);
			client_run((unsigned)nr_flows, until_ns, &bytes[i]);
		}
	}
	while (wait(&status) > 0)
		failed += status != 0;
	for (unsigned long i = 0; i < nr_clients; i++)
		total += bytes[i];
	printf("{\"clients\": %lu, \"failed\": %d, \"bytes\": %" PRIu64 "}\n", nr_clients, failed,
	       total);
	return failed != 0;
}
