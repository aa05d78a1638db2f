/* SPDX-License-Identifier: MIT */
/*
 * The other end of the benchmark, the same for every receiver: sends a given number of bytes from
 * memory over some flows, or plays ping-pong on them with messages of 64 bytes. The bytes are the
 * alphabet over and over, which is what the kernel's iou-zcrx wants to see.
 */
#include "base/port.h"
#include "bench/bench.h"

#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
	LETTERS = 26,
	CHUNK = LETTERS << 14,
	MESSAGE = 64,
	FLOWS_MAX = 256
};

struct flow {
	int sock;
	uint64_t left;    /* bytes to send */
	size_t phase;     /* of the alphabet */
	uint64_t sent_ns; /* the message that is under way */
	size_t got;       /* bytes of its echo */
};

static struct flow flows[FLOWS_MAX];
static uint8_t payload[CHUNK];

static void open_flows(unsigned nr, uint16_t port, int epoll, uint32_t events)
{
	struct sockaddr_in to = bench_address();
	const int one = 1;

	to.sin_port = htons(port);

	for (unsigned i = 0; i < nr; i++) {
		struct epoll_event e = {.events = events, .data.u32 = i};
		int sock = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

		if (sock < 0 || connect(sock, (const struct sockaddr *)&to, sizeof(to)) < 0 ||
		    setsockopt(sock, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one)) < 0 ||
		    fcntl(sock, F_SETFL, O_NONBLOCK) < 0 ||
		    epoll_ctl(epoll, EPOLL_CTL_ADD, sock, &e) < 0)
			bench_die("connecting", -errno);
		flows[i].sock = sock;
	}
}

static int next_events(int epoll, struct epoll_event events[64])
{
	int n = epoll_wait(epoll, events, 64, -1);

	if (n < 0)
		bench_die("epoll_wait", -errno);
	return n;
}

/* One send(). Returns true when it was the flow's last. */
static bool push(struct flow *f)
{
	size_t most = CHUNK - f->phase;
	ssize_t n =
		send(f->sock, payload + f->phase, f->left < most ? f->left : most, MSG_NOSIGNAL);

	if (n < 0 && errno != EAGAIN)
		bench_die("send", -errno);
	if (n > 0) {
		f->left -= (uint64_t)n;
		f->phase = (f->phase + (size_t)n) % LETTERS;
	}
	if (f->left > 0)
		return false;
	close(f->sock);
	return true;
}

static void stream(unsigned nr, uint16_t port, uint64_t bytes, int epoll)
{
	struct epoll_event events[64];
	unsigned open = nr;

	for (size_t i = 0; i < sizeof(payload); i++)
		payload[i] = (uint8_t)('a' + i % LETTERS);
	for (unsigned i = 0; i < nr; i++)
		flows[i].left = bytes / nr;
	open_flows(nr, port, epoll, EPOLLOUT);
	printf("{\"begin_ns\": %llu}\n", (unsigned long long)bench_now_ns());
	while (open > 0) {
		int n = next_events(epoll, events);

		for (int i = 0; i < n; i++)
			open -= push(&flows[events[i].data.u32]);
	}
}

static void ping(struct flow *f)
{
	f->got = 0;
	f->sent_ns = bench_now_ns();
	if (send(f->sock, payload, MESSAGE, MSG_NOSIGNAL) != MESSAGE)
		bench_die("send", -errno);
}

/* Reads some of the echo. Returns true when the message is complete. */
static bool pong(struct flow *f)
{
	uint8_t echo[MESSAGE];
	ssize_t n = recv(f->sock, echo, MESSAGE - f->got, 0);

	if (n < 0 && errno == EAGAIN)
		return false;
	if (n <= 0)
		bench_die("recv", n ? -errno : -ECONNRESET);
	f->got += (size_t)n;
	return f->got == MESSAGE;
}

static int compare(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return (x > y) - (x < y);
}

/*
 * One message at a time is under way on each flow. Fills ns with the time each of the rounds took,
 * in the order of their ends.
 */
static void play(unsigned nr, int epoll, uint64_t *ns, size_t rounds)
{
	struct epoll_event events[64];
	size_t begun = 0, done = 0;

	while (begun < nr && begun < rounds)
		ping(&flows[begun++]);
	while (done < rounds) {
		int n = next_events(epoll, events);

		for (int i = 0; i < n; i++) {
			struct flow *f = &flows[events[i].data.u32];

			if (!pong(f))
				continue;
			ns[done++] = bench_now_ns() - f->sent_ns;
			if (begun++ < rounds)
				ping(f);
		}
	}
}

/* The first tenth of the rounds is not counted. */
static void ping_pong(unsigned nr, uint16_t port, size_t rounds, int epoll)
{
	size_t warm_up = rounds / 10, counted = rounds - warm_up;
	uint64_t *ns = calloc(rounds, sizeof(*ns));

	if (!ns)
		bench_die("calloc", -ENOMEM);
	open_flows(nr, port, epoll, EPOLLIN);
	play(nr, epoll, ns, rounds);
	qsort(ns + warm_up, counted, sizeof(*ns), compare);
	printf("{\"p50_ns\": %llu, \"p99_ns\": %llu}\n",
	       (unsigned long long)ns[warm_up + counted / 2],
	       (unsigned long long)ns[warm_up + counted * 99 / 100]);
	free(ns);
	for (unsigned i = 0; i < nr; i++)
		close(flows[i].sock);
}

static _Noreturn void usage(void)
{
	fputs("usage: bench-send stream PORT FLOWS BYTES | bench-send ping PORT FLOWS ROUNDS\n",
	      stderr);
	exit(2); /* NOLINT(concurrency-mt-unsafe): one thread */
}

int main(int argc, char **argv)
{
	unsigned long long nr, amount;
	uint16_t port;
	int epoll;

	if (argc != 5 || !port_parse(argv[2], &port))
		usage();
	nr = strtoull(argv[3], NULL, 10);
	amount = strtoull(argv[4], NULL, 10);
	if (nr == 0 || nr > FLOWS_MAX || amount == 0)
		usage();
	epoll = epoll_create1(EPOLL_CLOEXEC);
	if (epoll < 0)
		bench_die("epoll_create1", -errno);
	if (strcmp(argv[1], "stream") == 0)
		stream((unsigned)nr, port, amount, epoll);
	else if (strcmp(argv[1], "ping") == 0)
		ping_pong((unsigned)nr, port, (size_t)amount, epoll);
	else
		usage();
	close(epoll);
	return 0;
}
