/* SPDX-License-Identifier: MIT */
#include "bench/bench.h"

#include <arpa/inet.h>
#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

void bench_die(const char *what, int error)
{
	fprintf(stderr, "bench: %s: %s\n", what, strerrordesc_np(-error));
	exit(1); /* NOLINT(concurrency-mt-unsafe): one thread */
}

static uint64_t clock_ns(clockid_t clock)
{
	struct timespec t;

	if (clock_gettime(clock, &t) < 0)
		bench_die("clock_gettime", -errno);
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

uint64_t bench_now_ns(void)
{
	return clock_ns(CLOCK_MONOTONIC);
}

static uint64_t process_ns(pid_t pid)
{
	clockid_t clock;
	int r = clock_getcpuclockid(pid, &clock);

	if (r > 0)
		bench_die("the daemon's clock", -r);
	return clock_ns(clock);
}

static bool is_pump(int pid)
{
	char path[64], name[32] = "";

	snprintf(path, sizeof(path), "/proc/%d/comm", pid);
	FILE *f = fopen(path, "re");
	bool is = f && fgets(name, sizeof(name), f) && strcmp(name, "zcrx-pump\n") == 0;
	if (f)
		fclose(f);
	return is;
}

/*
 * Of the broker's children its pumps, which live as long as their clients. A hand may have gone
 * when the time is read again.
 */
static uint64_t children_ns(pid_t broker)
{
	char path[64];
	uint64_t ns = 0;
	int pid;

	snprintf(path, sizeof(path), "/proc/%d/task/%d/children", (int)broker, (int)broker);
	FILE *f = fopen(path, "re");
	while (f && fscanf(f, "%d", &pid) == 1) /* NOLINT(cert-err34-c): the kernel's own */
		ns += is_pump(pid) ? process_ns(pid) : 0;
	if (f)
		fclose(f);
	return ns;
}

/* CPU time of all threads, gone ones too, of this process and the daemon. */
static uint64_t cpu_ns(const struct bench *b)
{
	uint64_t ns = clock_ns(CLOCK_PROCESS_CPUTIME_ID);

	return b->daemon > 0 ? ns + process_ns(b->daemon) + children_ns(b->daemon) : ns;
}

static _Noreturn void usage(const char *name)
{
	fprintf(stderr,
		"usage: %s [--flows N] [--area BYTES] [--buffer BYTES] [--read] [--verify] [--echo] "
		"[--daemon PID] [--nic NAME] [--rxq N] [--devmem] [--batch BYTES]\n",
		name);
	exit(2); /* NOLINT(concurrency-mt-unsafe): one thread */
}

static unsigned long number(const char *text, const char *name)
{
	char *end;
	unsigned long n = strtoul(text, &end, 10);

	if (*end || end == text)
		usage(name);
	return n;
}

void bench_options(struct bench *b, int argc, char **argv)
{
	static const struct option long_options[] = {
		{"flows", required_argument, NULL, 'f'},  {"area", required_argument, NULL, 'a'},
		{"buffer", required_argument, NULL, 'b'}, {"daemon", required_argument, NULL, 'd'},
		{"nic", required_argument, NULL, 'n'},    {"rxq", required_argument, NULL, 'q'},
		{"batch", required_argument, NULL, 'B'},  {"read", no_argument, NULL, 'r'},
		{"verify", no_argument, NULL, 'v'},       {"echo", no_argument, NULL, 'e'},
		{"devmem", no_argument, NULL, 'm'},       {NULL, 0, NULL, 0},
	};
	int c;

	*b = (struct bench){.flows = 1, .area_bytes = 64u << 20, .buffer_bytes = 64u << 10};
	/* NOLINTNEXTLINE(concurrency-mt-unsafe): one thread */
	while ((c = getopt_long(argc, argv, "", long_options, NULL)) != -1) {
		switch (c) {
		case 'f':
			b->flows = (unsigned)number(optarg, argv[0]);
			break;
		case 'a':
			b->area_bytes = number(optarg, argv[0]);
			break;
		case 'b':
			b->buffer_bytes = number(optarg, argv[0]);
			break;
		case 'd':
			b->daemon = (pid_t)number(optarg, argv[0]);
			break;
		case 'n':
			b->nic = optarg;
			break;
		case 'q':
			b->rxq = (unsigned)number(optarg, argv[0]);
			break;
		case 'B':
			b->batch_bytes = number(optarg, argv[0]);
			break;
		case 'r':
			b->read = true;
			break;
		case 'v':
			b->verify = true;
			break;
		case 'e':
			b->echo = true;
			break;
		case 'm':
			b->devmem = true;
			break;
		default:
			usage(argv[0]);
		}
	}
	if (optind != argc || b->flows == 0 || b->buffer_bytes == 0 ||
	    b->area_bytes < b->buffer_bytes)
		usage(argv[0]);
}

struct sockaddr_in bench_address(void)
{
	const char *text = getenv("BENCH_ADDRESS"); /* NOLINT(concurrency-mt-unsafe): one thread */
	struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};

	if (text && inet_pton(AF_INET, text, &at.sin_addr) != 1)
		bench_die(text, -EINVAL);
	return at;
}

int bench_listen(unsigned backlog)
{
	struct sockaddr_in at = bench_address();
	int sock = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (sock < 0 || bind(sock, (struct sockaddr *)&at, sizeof(at)) < 0 ||
	    listen(sock, (int)backlog) < 0)
		bench_die("listening", -errno);
	return sock;
}

void bench_begin(struct bench *b, int listener)
{
	struct sockaddr_in at = {0};
	socklen_t len = sizeof(at);

	if (getsockname(listener, (struct sockaddr *)&at, &len) < 0)
		bench_die("getsockname", -errno);
	printf("port %u\n", ntohs(at.sin_port));
	fflush(stdout);
	b->cpu_begin_ns = cpu_ns(b);
	b->own_begin_ns = clock_ns(CLOCK_PROCESS_CPUTIME_ID);
}

static int accept_one(int listener)
{
	const int one = 1;
	int sock = accept4(listener, NULL, NULL, SOCK_CLOEXEC);

	if (sock < 0 || setsockopt(sock, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one)) < 0)
		bench_die("accept", -errno);
	return sock;
}

static void receive_many(const struct bench *b, int listener, bool (*receive)(void *, int),
			 void *receiver)
{
	struct epoll_event events[64];
	unsigned open = b->flows;
	int epoll = epoll_create1(EPOLL_CLOEXEC);

	for (unsigned i = 0; i < b->flows; i++) {
		struct epoll_event e = {.events = EPOLLIN, .data.fd = accept_one(listener)};

		if (epoll_ctl(epoll, EPOLL_CTL_ADD, e.data.fd, &e) < 0)
			bench_die("epoll_ctl", -errno);
	}
	while (open > 0) {
		int n = epoll_wait(epoll, events, 64, -1);

		if (n < 0)
			bench_die("epoll_wait", -errno);
		for (int i = 0; i < n; i++)
			open -= !receive(receiver, events[i].data.fd);
	}
	close(epoll);
}

void bench_receive(const struct bench *b, int listener, bool (*receive)(void *, int),
		   void *receiver)
{
	if (b->flows > 1)
		receive_many(b, listener, receive, receiver);
	else
		for (int sock = accept_one(listener); receive(receiver, sock);)
			;
}

static void ticked(int signal)
{
	(void)signal;
}

/* So many bytes wake who waits for the socket. */
static void set_mark(int sock, size_t bytes)
{
	const int mark = bytes ? (int)bytes : 1;

	if (setsockopt(sock, SOL_SOCKET, SO_RCVLOWAT, &mark, sizeof(mark)) < 0)
		bench_die("SO_RCVLOWAT", -errno);
}

void bench_accept_all(struct bench *b, int listener)
{
	const struct sigaction action = {.sa_handler = ticked, .sa_flags = SA_RESTART};
	const struct itimerval seconds = {.it_interval = {.tv_sec = 1}, .it_value = {.tv_sec = 1}};

	b->socks = calloc(b->flows, sizeof(*b->socks));
	if (!b->socks)
		bench_die("calloc", -errno);
	for (unsigned i = 0; i < b->flows; i++) {
		b->socks[i] = accept_one(listener);
		set_mark(b->socks[i], b->batch_bytes / b->flows);
	}
	if (sigaction(SIGALRM, &action, NULL) < 0 || setitimer(ITIMER_REAL, &seconds, NULL) < 0)
		bench_die("setitimer", -errno);
}

void bench_nudge(const struct bench *b)
{
	for (unsigned i = 0; i < b->flows; i++) {
		struct pollfd end = {.fd = b->socks[i], .events = POLLRDHUP};

		set_mark(end.fd, 1);
		set_mark(end.fd, b->batch_bytes / b->flows);
		if (poll(&end, 1, 0) == 1)
			shutdown(end.fd, SHUT_RD);
	}
}

/*
 * Adds up bytes, eight at a time in four lanes: the result does not depend on where the stream was
 * cut into pieces. 64 words of at most 2 * 255 a lane fit 16 bits.
 */
static uint64_t sum_bytes(const uint8_t *p, size_t bytes)
{
	const uint64_t mask = 0x00ff00ff00ff00ff;
	uint64_t sum = 0;

	while (bytes >= 8) {
		size_t words = bytes / 8 < 64 ? bytes / 8 : 64;
		uint64_t lanes = 0;

		for (size_t i = 0; i < words; i++) {
			uint64_t w;

			memcpy(&w, p + i * 8, 8);
			lanes += (w & mask) + ((w >> 8) & mask);
		}
		lanes = (lanes & 0x0000ffff0000ffff) + ((lanes >> 16) & 0x0000ffff0000ffff);
		sum += (lanes & 0xffffffff) + (lanes >> 32);
		p += words * 8;
		bytes -= words * 8;
	}
	while (bytes-- > 0)
		sum += *p++;
	return sum;
}

/* Byte by byte, as the kernel's iou-zcrx does it. */
static void verify(const struct bench *b, const uint8_t *p, size_t bytes)
{
	unsigned letter = (unsigned)(b->bytes % 26);

	for (size_t i = 0; i < bytes; i++) {
		if (p[i] != 'a' + letter)
			bench_die("wrong data", -EBADMSG);
		letter = letter == 25 ? 0 : letter + 1;
	}
}

void bench_take(struct bench *b, int sock, const void *data, size_t bytes)
{
	if (b->bytes == 0)
		b->first_ns = bench_now_ns();
	if (b->verify)
		verify(b, data, bytes);
	b->bytes += bytes;
	if (b->read)
		b->sum += sum_bytes(data, bytes);
	if (b->echo && send(sock, data, bytes, MSG_NOSIGNAL) != (ssize_t)bytes)
		bench_die("echo", -errno);
}

void bench_end(const struct bench *b, const char *extra)
{
	uint64_t wall = bench_now_ns() - b->first_ns;
	uint64_t cpu = cpu_ns(b) - b->cpu_begin_ns;
	uint64_t own = clock_ns(CLOCK_PROCESS_CPUTIME_ID) - b->own_begin_ns;

	printf("{\"bytes\": %" PRIu64 ", \"sum\": %" PRIu64 ", \"wall_ns\": %" PRIu64
	       ", \"cpu_ns\": %" PRIu64 ", \"own_cpu_ns\": %" PRIu64,
	       b->bytes, b->sum, wall, cpu, own);
	if (b->enters > 0)
		printf(", \"completions\": %" PRIu64 ", \"enters\": %" PRIu64, b->completions,
		       b->enters);
	printf("%s}\n", extra);
	free(b->socks);
}
