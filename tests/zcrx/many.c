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

enum {
	FLOWS_MOST = 512,
	PIECE = 64 * 1024,
	PATIENCE_MS = 30000,
	SEED = 77
};

static const char *how, *ip;
static uint16_t port;
static unsigned flows;
static uint64_t bytes;

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
static const char *behaviour = "";

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
		if (!harness_pattern_is(data, SEED, s->pos, c->len))
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

/* Takes everything, gives nothing back. */
static _Noreturn void hoard(struct zcrx_queue *q)
{
	struct zcrx_completion c[64];
	for (;;)
		if (zcrx_reap(q, c, 64) == 0)
			zcrx_wait(q, 100);
}

/* The memory that this process shares with zcrxd and the kernel, found where it is mapped. */
static uint32_t *shared_words(const char *name, const char *rights, size_t *ret_n)
{
	char line[512];
	FILE *f = fopen("/proc/self/maps", "re");
	uintptr_t from = 0, to = 0;
	while (f && fgets(line, sizeof(line), f))
		if (strstr(line, name) && strstr(line, rights)) {
			char *rest;
			from = strtoul(line, &rest, 16);
			to = strtoul(rest + 1, NULL, 16);
		}
	if (f)
		fclose(f);
	*ret_n = (to - from) / sizeof(uint32_t);
	return (uint32_t *)from;
}

/* Writes anything anywhere into the refill memory, all the time. */
static _Noreturn void scribble(struct zcrx_queue *q)
{
	size_t n;
	uint32_t *words = shared_words("zcrxd-rq", "rw-s", &n);
	struct zcrx_completion c[64];
	if (n == 0)
		die("there is no refill memory");
	for (unsigned i = 0;; i++) {
		/* The words that mean most, more often: indices lie at the beginning of a page. */
		size_t at = (size_t)random() % n;
		if (i % 4 == 0)
			at = at / 1024 * 1024 + (size_t)random() % 2 * 16;
		words[at] = (uint32_t)random() * 2 + (uint32_t)(i & 1);
		if (i % 1000 == 0) {
			zcrx_reap(q, c, 64);
			usleep(pause_us);
		}
	}
}

/* Lets its two indices, of completions read and of refills, jump anywhere. */
static _Noreturn void jump(struct zcrx_queue *q)
{
	enum {
		CQ_HEAD = 0,
		RQ_TAIL = 1025 /* in the kernel's part, which begins with the second page */
	};
	size_t n;
	uint32_t *words = shared_words("zcrxd-rq", "rw-s", &n);
	struct zcrx_completion c[64];
	if (n <= RQ_TAIL)
		die("there is no refill memory");
	for (unsigned i = 0;; i++) {
		zcrx_reap(q, c, 64);
		words[i % 2 ? CQ_HEAD : RQ_TAIL] = (uint32_t)random() * 2;
		usleep(pause_us);
	}
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
	else if (strcmp(arg, "hoard") == 0 || strcmp(arg, "scribble") == 0 ||
		 strcmp(arg, "jump") == 0)
		behaviour = arg;
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

static void receive_main(char **options)
{
	struct zcrx_queue_options o = {.size = sizeof(o)};
	size_t area_bytes = 4 << 20;
	struct zcrx *z = NULL;
	struct zcrx_area *a;
	struct zcrx_queue *q;
	if (strcmp(how, "twice") == 0)
		return listen_twice();
	for (; *options; options++)
		option(&o, &area_bytes, *options);
	must(zcrx_connect(&z, NULL), "zcrxd", NULL);
	must(area_make(z, &a, area_bytes), "the area", z);
	must(zcrx_queue_open(z, &q, a, &o), "the queue", z);
	open_streams(z, q);
	if (strcmp(behaviour, "hoard") == 0)
		hoard(q);
	if (strcmp(behaviour, "scribble") == 0)
		scribble(q);
	if (strcmp(behaviour, "jump") == 0)
		jump(q);
	receive_all(q, a);
	report(q);
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
	harness_pattern(piece, SEED, s->pos, n);
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
	if (s < 0 || (sock < 0 && connect(s, (struct sockaddr *)&to, len) < 0))
		die("%s port %u: %m", ip, port);
	return s;
}

static void send_main(void)
{
	int sock = strcmp(how, "serve") == 0 ? listener() : -1;
	if (sock >= 0)
		ready();
	for (unsigned i = 0; i < flows; i++)
		sendings[i].sock = end_of(sock);
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
	}
}

int main(int argc, char **argv)
{
	if (argc < 7) {
		fputs("usage: many receive listen|adopt|connect|twice IP PORT FLOWS BYTES [OPTION...]\n"
		      "       many send connect|serve IP PORT FLOWS BYTES\n"
		      "options: area=BYTES cq=ENTRIES buffer=BYTES backend=N queues=N memory=KIND huge host\n"
		      "         hoard scribble jump pause=MICROSECONDS\n",
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
		send_main();
	return 0;
}
