/* SPDX-License-Identifier: MIT */
/*
 * Many streams of known bytes at once: sends them, or receives them through zcrxd and looks at
 * every byte. See usage(). The receiver prints "ready" when a connection may come, and a line of
 * JSON at the end.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>
#include <zcrx.h>

#include "../harness/harness.h"
#include "../kernel/die.h"
#include "../kernel/memory.h"
#include "harm.h"

enum {
	FLOWS_MOST = 512,
	HELD_MOST = 65536,
	PIECE = 64 * 1024,
	PATIENCE_MS = 30000,
	QUIET_MS = 500
};

static const char *how, *ip;
static uint16_t port;
static unsigned flows;
static uint64_t bytes;
static unsigned rounds = 1; /* one after the other, each on the next port */
static uint64_t seed = 77;  /* of the streams */

/* ---- receiving ---- */

struct stream {
	struct zcrx_flow *flow;
	uint64_t pos;
	bool ended;
};

static struct stream streams[FLOWS_MOST];
static unsigned opened, ended;
static bool huge;          /* pages */
static const char *memory; /* kind of a dma-buf, or NULL: the library's memfd */
static uint32_t where;     /* ZCRX_FLOW_HOST or 0 */
static uint64_t first_ns;
static unsigned pause_us = 100; /* of the harmful */
static const char *behaviour;
static bool looks;  /* for what is not its own */
static bool linger; /* until the standard input ends */

static struct held {
	struct zcrx_completion c;
	uint64_t pos; /* in the stream */
} held[HELD_MOST];

static void must(int r, const char *what, const struct zcrx *z)
{
	if (r < 0)
		die("%s: %s: %s", what, strerror(-r), zcrx_error(z));
}

static uint64_t now_ns(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static socklen_t address(struct sockaddr_storage *ret)
{
	struct sockaddr_in *v4 = (void *)ret;
	struct sockaddr_in6 *v6 = (void *)ret;
	memset(ret, 0, sizeof(*ret));
	if (inet_pton(AF_INET, ip, &v4->sin_addr) == 1) {
		v4->sin_family = AF_INET;
		v4->sin_port = htons(port);
		return sizeof(*v4);
	}
	if (inet_pton(AF_INET6, ip, &v6->sin6_addr) != 1)
		die("%s is no address", ip);
	v6->sin6_family = AF_INET6;
	v6->sin6_port = htons(port);
	return sizeof(*v6);
}

static int listener(void)
{
	struct sockaddr_storage at;
	socklen_t len = address(&at);
	int on = 1, sock = socket(at.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
	setsockopt(sock, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	setsockopt(sock, IPPROTO_IP, IP_FREEBIND, &on, sizeof(on)); /* takes no privilege */
	if (bind(sock, (struct sockaddr *)&at, len) < 0 || listen(sock, FLOWS_MOST) < 0)
		die("%s port %u: %m", ip, port);
	return sock;
}

static struct stream *stream_new(struct zcrx_flow *f)
{
	if (opened == flows)
		die("more connections than wanted");
	streams[opened].flow = f;
	return &streams[opened++];
}

static void ready(void)
{
	puts("ready");
	fflush(stdout);
}

static void open_streams(const struct zcrx *z, struct zcrx_queue *q)
{
	struct sockaddr_storage at;
	socklen_t len = address(&at);
	struct zcrx_flow *f;
	if (strcmp(how, "listen") == 0) {
		must(zcrx_flow_listen(q, &f, (struct sockaddr *)&at, len, where, NULL), "listen",
		     z);
		ready();
		return;
	}
	int sock = strcmp(how, "adopt") == 0 ? listener() : -1;
	ready();
	for (unsigned i = 0; i < flows; i++) {
		struct stream *s = stream_new(NULL);
		if (sock >= 0)
			must(zcrx_flow_adopt(q, &s->flow, accept(sock, NULL, NULL), 0, s), "adopt",
			     z);
		else
			must(zcrx_flow_connect(q, &s->flow, (struct sockaddr *)&at, len, where, s),
			     "connect", z);
	}
}

static void take(const char *data, const struct zcrx_completion *c)
{
	struct stream *s = c->user;
	switch ((enum zcrx_what)c->what) {
	case ZCRX_OPEN:
		zcrx_flow_set_user(c->flow, stream_new(c->flow));
		break;
	case ZCRX_DATA:
		if (first_ns == 0)
			first_ns = now_ns();
		if (!harness_pattern_is(data, seed, s->pos, c->len))
			die("wrong data in the %u bytes from byte %ju of a stream on", c->len,
			    (uintmax_t)s->pos);
		s->pos += c->len;
		break;
	case ZCRX_END:
		if (c->error || s->pos != bytes)
			die("a stream ended after %ju bytes: %s", (uintmax_t)s->pos,
			    strerror(-c->error));
		s->ended = true;
		ended++;
		break;
	case ZCRX_LOST:
		die("the queue is lost: %s", strerror(-c->error));
	}
}

static uint64_t hold_some(struct zcrx_queue *q, unsigned *n_held)
{
	struct zcrx_completion c[64];
	int n = zcrx_reap(q, c, 64);
	for (int i = 0; i < n; i++) {
		const struct stream *s = c[i].user;
		if (c[i].what == ZCRX_DATA && *n_held == HELD_MOST)
			die("more to hold than was thought");
		if (c[i].what == ZCRX_DATA)
			held[(*n_held)++] = (struct held){c[i], s->pos};
		take(zcrx_data(q, &c[i]), &c[i]);
	}
	return (uint64_t)n;
}

/* Takes what comes and gives nothing back, until nothing comes any more. Returns how many. */
static unsigned hold(struct zcrx_queue *q, struct zcrx_area *a)
{
	unsigned n_held = 0;
	zcrx_area_sync(a, 1);
	for (int ms = PATIENCE_MS; zcrx_wait(q, ms) > 0;)
		while (hold_some(q, &n_held) > 0)
			ms = n_held > 0 ? QUIET_MS : PATIENCE_MS;
	zcrx_area_sync(a, 0);
	if (n_held == 0)
		die("nothing came");
	return n_held;
}

static void close_streams(void)
{
	for (unsigned i = 0; i < opened; i++) {
		zcrx_flow_close(streams[i].flow, ZCRX_CLOSE_ABORT);
		streams[i].flow = NULL;
	}
}

/* Closes its streams while it holds data of them, which stays as it is until it is given back. */
static void drop(struct zcrx_queue *q, struct zcrx_area *a)
{
	unsigned n_held = hold(q, a);
	close_streams();
	puts("dropped");
	fflush(stdout);
	getchar();
	zcrx_area_sync(a, 1);
	for (unsigned i = 0; i < n_held; i++)
		if (!harness_pattern_is(zcrx_data(q, &held[i].c), seed, held[i].pos, held[i].c.len))
			die("what was held has changed");
	zcrx_area_sync(a, 0);
	for (unsigned i = 0; i < n_held; i++)
		zcrx_recycle(q, &held[i].c, 1);
}

static void receive_all(struct zcrx_queue *q, struct zcrx_area *a)
{
	struct zcrx_completion c[64];
	while (ended < flows) {
		int n = zcrx_reap(q, c, 64);
		zcrx_area_sync(a, 1);
		for (int i = 0; i < n; i++)
			take(zcrx_data(q, &c[i]), &c[i]);
		zcrx_area_sync(a, 0);
		zcrx_recycle(q, c, n);
		if (n == 0 && zcrx_wait(q, PATIENCE_MS) <= 0)
			die("nothing came for %d s; %u of %u streams have ended",
			    PATIENCE_MS / 1000, ended, opened);
	}
}

static void report(const struct zcrx_queue *q)
{
	struct zcrx_queue_info i = {.size = sizeof(i)};
	zcrx_queue_info(q, &i);
	printf("{\"backend\": %u, \"buffer_bytes\": %u, \"ifindex\": %u, \"rxq\": %u, \"bytes\": %ju, "
	       "\"bytes_copied\": %ju, \"completions\": %ju, \"wakeups\": %ju, \"enters\": %ju, "
	       "\"starvations\": %ju, \"ns\": %ju, \"why_not\": \"%s\"}\n",
	       i.backend, i.buffer_bytes, i.ifindex, i.rxq, (uintmax_t)i.bytes,
	       (uintmax_t)i.bytes_copied, (uintmax_t)i.completions, (uintmax_t)i.wakeups,
	       (uintmax_t)i.enters, (uintmax_t)i.starvations, (uintmax_t)(now_ns() - first_ns),
	       i.why_not);
	fflush(stdout);
}

/* Hands over one listening socket on two connections, and leaves it at that. */
static void listen_twice(void)
{
	int sock = listener();
	for (int i = 0; i < 2; i++) {
		struct zcrx *z = NULL;
		struct zcrx_area *a;
		struct zcrx_queue *q;
		struct zcrx_flow *f;
		must(zcrx_connect(&z, NULL), "zcrxd", NULL);
		must(zcrx_area_new(z, &a, 1 << 20, 0), "the area", z);
		must(zcrx_queue_open(z, &q, a, NULL), "the queue", z);
		must(zcrx_flow_adopt(q, &f, sock, ZCRX_FLOW_LISTEN, NULL), "adopt", z);
	}
	ready();
	pause();
}

/* name=value after the fixed arguments */
static void option(struct zcrx_queue_options *o, size_t *area_bytes, const char *arg)
{
	const char *value = strchr(arg, '=');
	unsigned long n = value ? strtoul(value + 1, NULL, 10) : 0;
	if (strncmp(arg, "area=", 5) == 0)
		*area_bytes = n;
	else if (strncmp(arg, "cq=", 3) == 0)
		o->cq_entries = (uint32_t)n;
	else if (strncmp(arg, "buffer=", 7) == 0)
		o->buffer_bytes = (uint32_t)n;
	else if (strncmp(arg, "backend=", 8) == 0)
		o->backend = (uint32_t)n;
	else if (strncmp(arg, "queues=", 7) == 0)
		o->rx_queues = (uint32_t)n;
	else if (strncmp(arg, "pause=", 6) == 0)
		pause_us = (unsigned)n;
	else if (strncmp(arg, "rounds=", 7) == 0)
		rounds = (unsigned)n;
	else if (strcmp(arg, "linger") == 0)
		linger = true;
	else if (strcmp(arg, "drop") == 0 || strcmp(arg, "leave") == 0 || harm_is(arg))
		behaviour = arg;
	else if (strcmp(arg, "search") == 0)
		looks = true;
	else if (strncmp(arg, "seed=", 5) == 0)
		seed = n;
	else if (strncmp(arg, "memory=", 7) == 0)
		memory = value[1] ? value + 1 : NULL;
	else if (strcmp(arg, "huge") == 0)
		huge = true;
	else if (strcmp(arg, "host") == 0)
		where = ZCRX_FLOW_HOST;
	else
		die("%s: unknown", arg);
}

static int area_huge(struct zcrx *z, struct zcrx_area **ret, size_t area_bytes)
{
	int fd = memfd_create("huge", MFD_CLOEXEC | MFD_ALLOW_SEALING | MFD_HUGETLB);
	if (fd < 0 || ftruncate(fd, (off_t)area_bytes) < 0 ||
	    fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW) < 0)
		die("a memfd of huge pages: %m");
	int r = zcrx_area_import(z, ret, fd, area_bytes);
	close(fd);
	return r;
}

static int area_make(struct zcrx *z, struct zcrx_area **ret, size_t area_bytes)
{
	struct memory m;
	if (huge)
		return area_huge(z, ret, area_bytes);
	if (!memory)
		return zcrx_area_new(z, ret, area_bytes, 0);
	memory_init(&m, memory, area_bytes);
	int r = zcrx_area_import(z, ret, m.fd, m.bytes);
	memory_done(&m);
	return r;
}

static void behave(struct zcrx_queue *q, struct zcrx_area *a)
{
	if (behaviour && strcmp(behaviour, "drop") == 0)
		drop(q, a);
	else if (behaviour && strcmp(behaviour, "leave") == 0)
		hold(q, a);
	else if (behaviour)
		harm(behaviour, a, q, pause_us);
	else
		receive_all(q, a);
	if (looks)
		harm_search(a, seed);
}

/* A queue, from its memory to its end. */
static void receive_round(struct zcrx *z, const struct zcrx_queue_options *o, size_t area_bytes)
{
	struct zcrx_area *a;
	struct zcrx_queue *q;
	must(area_make(z, &a, area_bytes), "the area", z);
	must(zcrx_queue_open(z, &q, a, o), "the queue", z);
	open_streams(z, q);
	behave(q, a);
	report(q);
	if (linger)
		getchar();
	zcrx_queue_close(q);
	must(zcrx_area_free(a), "the end of the area", z);
}

static void receive_main(char **options)
{
	struct zcrx_queue_options o = {.size = sizeof(o)};
	size_t area_bytes = 4 << 20;
	struct zcrx *z = NULL;
	if (strcmp(how, "twice") == 0)
		return listen_twice();
	for (; *options; options++)
		option(&o, &area_bytes, *options);
	must(zcrx_connect(&z, NULL), "zcrxd", NULL);
	for (; rounds > 0; rounds--, port++) {
		opened = ended = 0;
		memset(streams, 0, sizeof(streams));
		receive_round(z, &o, area_bytes);
	}
	zcrx_close(z);
}

/* ---- sending ---- */

struct sending {
	int sock;
	uint64_t pos;
};

static struct sending sendings[FLOWS_MOST];

static void send_some(struct sending *s)
{
	static char piece[PIECE];
	size_t n = bytes - s->pos < PIECE ? (size_t)(bytes - s->pos) : PIECE;
	harness_pattern(piece, seed, s->pos, n);
	ssize_t sent = send(s->sock, piece, n, MSG_NOSIGNAL | MSG_DONTWAIT);
	if (sent < 0 && errno != EAGAIN)
		die("send: %m");
	s->pos += sent > 0 ? (uint64_t)sent : 0;
	if (s->pos == bytes)
		shutdown(s->sock, SHUT_WR);
}

static int end_of(int sock)
{
	struct sockaddr_storage to;
	socklen_t len = address(&to);
	int s = sock >= 0 ? accept(sock, NULL, NULL) : socket(to.ss_family, SOCK_STREAM, 0);
	int left_ms = rounds > 1 ? PATIENCE_MS : 0; /* for the other end to begin the next round */
	while (s >= 0 && sock < 0 && connect(s, (struct sockaddr *)&to, len) < 0) {
		if (errno != ECONNREFUSED || left_ms-- == 0)
			die("%s port %u: %m", ip, port);
		usleep(1000);
	}
	if (s < 0)
		die("%s port %u: %m", ip, port);
	return s;
}

static void send_round(void)
{
	int sock = strcmp(how, "serve") == 0 ? listener() : -1;
	if (sock >= 0)
		ready();
	for (unsigned i = 0; i < flows; i++)
		sendings[i] = (struct sending){.sock = end_of(sock)};
	for (unsigned left = flows; left > 0;) {
		struct pollfd fds[FLOWS_MOST];
		left = 0;
		for (unsigned i = 0; i < flows; i++)
			if (sendings[i].pos < bytes)
				fds[left++] =
					(struct pollfd){.fd = sendings[i].sock, .events = POLLOUT};
		if (left && poll(fds, left, PATIENCE_MS) <= 0)
			die("cannot send for %d s", PATIENCE_MS / 1000);
		for (unsigned i = 0; i < flows; i++)
			if (sendings[i].pos < bytes)
				send_some(&sendings[i]);
	}
	/* The receivers hang up when they have everything. */
	for (unsigned i = 0; i < flows; i++) {
		char c;
		recv(sendings[i].sock, &c, 1, 0);
		close(sendings[i].sock);
	}
	if (sock >= 0)
		close(sock);
}

static void send_main(char **options)
{
	for (; *options; options++)
		if (strncmp(*options, "rounds=", 7) == 0)
			rounds = (unsigned)strtoul(*options + 7, NULL, 10);
		else if (strncmp(*options, "seed=", 5) == 0)
			seed = strtoull(*options + 5, NULL, 10);
		else
			die("%s: unknown", *options);
	for (unsigned left = rounds; left > 0; left--, port++)
		send_round();
}

int main(int argc, char **argv)
{
	if (argc < 7) {
		fputs("usage: many receive listen|adopt|connect|twice IP PORT FLOWS BYTES [OPTION...]\n"
		      "       many send connect|serve IP PORT FLOWS BYTES [rounds=N] [seed=N]\n"
		      "options: area=BYTES cq=ENTRIES buffer=BYTES backend=N queues=N memory=KIND huge host\n"
		      "         hoard scribble jump forge owe punch pause=MICROSECONDS drop leave linger rounds=N\n"
		      "         search seed=N (the sender's, too)\n",
		      stderr);
		return 2;
	}
	how = argv[2];
	ip = argv[3];
	port = (uint16_t)strtoul(argv[4], NULL, 10);
	flows = (unsigned)strtoul(argv[5], NULL, 10);
	bytes = strtoull(argv[6], NULL, 10);
	if (flows == 0 || flows > FLOWS_MOST)
		die("1 to %d flows", FLOWS_MOST);
	if (strcmp(argv[1], "receive") == 0)
		receive_main(argv + 7);
	else
		send_main(argv + 7);
	return 0;
}
