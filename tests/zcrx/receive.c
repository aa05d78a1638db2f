/* SPDX-License-Identifier: MIT */
/* The receiving end, up to its streams: memory, queue, flows, and what is reported. */
#include <fcntl.h>
#include <linux/tcp.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/clock.h"
#include "tests/kernel/die.h"
#include "tests/kernel/memory.h"
#include "tests/zcrx/harm.h"
#include "tests/zcrx/many.h"
#include "tests/zcrx/streams.h"

static void must(int r, const char *what, const struct zcrx *z)
{
	if (r < 0)
		die("%s: %s: %s", what, strerror(-r), zcrx_error(z));
}

/* A connection, perhaps with options by which each read brings control messages. */
static int connection(const struct many *m, int listener)
{
	int on = 1, sock = accept(listener, NULL, NULL);
	if (m->control && (setsockopt(sock, IPPROTO_TCP, TCP_INQ, &on, sizeof(on)) < 0 ||
			   setsockopt(sock, SOL_SOCKET, SO_TIMESTAMPNS, &on, sizeof(on)) < 0))
		die("options of the socket: %m");
	return sock;
}

static void open_streams(const struct many *m, struct streams *x, const struct zcrx *z,
			 struct zcrx_queue *q)
{
	struct sockaddr_storage at;
	socklen_t len = many_address(m, &at);
	struct zcrx_flow *f;
	if (strcmp(m->how, "listen") == 0) {
		must(zcrx_flow_listen(q, &f, (struct sockaddr *)&at, len, m->where, NULL), "listen",
		     z);
		many_ready();
		return;
	}
	int sock = strcmp(m->how, "adopt") == 0 ? many_listener(m) : -1;
	many_ready();
	for (unsigned i = 0; i < m->flows; i++) {
		struct stream *s = streams_add(x, NULL);
		if (sock >= 0)
			must(zcrx_flow_adopt(q, &s->flow, connection(m, sock), 0, s), "adopt", z);
		else
			must(zcrx_flow_connect(q, &s->flow, (struct sockaddr *)&at, len, m->where,
					       s),
			     "connect", z);
		streams_seed(x, s);
	}
}

static void report(const struct streams *x, const struct zcrx_queue *q)
{
	struct zcrx_queue_info i = {.size = sizeof(i)};
	zcrx_queue_info(q, &i);
	printf("{\"backend\": %u, \"buffer_bytes\": %u, \"ifindex\": %u, \"rxq\": %u, \"bytes\": %ju, "
	       "\"bytes_copied\": %ju, \"completions\": %ju, \"wakeups\": %ju, \"enters\": %ju, "
	       "\"starvations\": %ju, \"off_most\": %ju, \"ns\": %ju, \"stall_ns\": %ju, \"why_not\": \"%s\"}\n",
	       i.backend, i.buffer_bytes, i.ifindex, i.rxq, (uintmax_t)i.bytes,
	       (uintmax_t)i.bytes_copied, (uintmax_t)i.completions, (uintmax_t)i.wakeups,
	       (uintmax_t)i.enters, (uintmax_t)i.starvations, (uintmax_t)x->off_most,
	       (uintmax_t)(clock_ns() - x->first_ns), (uintmax_t)x->stall_ns, i.why_not);
	fflush(stdout);
}

/* Hands over one listening socket on two connections, and leaves it at that. */
static void listen_twice(const struct many *m)
{
	int sock = many_listener(m);
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
	many_ready();
	pause();
}

static int area_huge(struct zcrx *z, struct zcrx_area **ret, unsigned shift, size_t area_bytes)
{
	int fd = memfd_create("huge", MFD_CLOEXEC | MFD_ALLOW_SEALING | MFD_HUGETLB |
					      shift << MAP_HUGE_SHIFT);
	if (fd < 0 || ftruncate(fd, (off_t)area_bytes) < 0 ||
	    fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW) < 0)
		die("a memfd of huge pages: %m");
	int r = zcrx_area_import(z, ret, fd, area_bytes);
	close(fd);
	return r;
}

static int area_make(const struct many *m, struct zcrx *z, struct zcrx_area **ret)
{
	struct memory memory;
	if (m->huge)
		return area_huge(z, ret, m->huge, m->area_bytes);
	if (!m->memory)
		return zcrx_area_new(z, ret, m->area_bytes, 0);
	memory_init(&memory, m->memory, m->area_bytes);
	int r = zcrx_area_import(z, ret, memory.fd, memory.bytes);
	memory_done(&memory);
	return r;
}

static void behave(const struct many *m, struct streams *x, struct zcrx *z, struct zcrx_queue *q,
		   struct zcrx_area *a)
{
	const struct harmful with = {.z = z,
				     .area = a,
				     .q = q,
				     .options = &m->queue,
				     .pause_us = m->pause_us};
	if (m->behaviour && strcmp(m->behaviour, "drop") == 0)
		streams_drop(x, q, a);
	else if (m->behaviour && strcmp(m->behaviour, "leave") == 0)
		streams_hold(x, q, a);
	else if (m->behaviour && strcmp(m->behaviour, "stint") == 0)
		streams_stint(x, q, a);
	else if (m->behaviour)
		harm(m->behaviour, &with);
	else
		streams_receive(x, q, a);
	if (m->looks)
		harm_search(a, m->seed);
}

/* A queue, from its memory to its end. */
static void receive_round(const struct many *m, struct zcrx *z)
{
	static struct streams x;
	struct zcrx_area *a;
	struct zcrx_queue *q;
	x = (struct streams){.flows = m->flows,
			     .bytes = m->bytes,
			     .seed = m->seed,
			     .open_ended = m->open_ended};
	must(area_make(m, z, &a), "the area", z);
	must(zcrx_queue_open(z, &q, a, &m->queue), "the queue", z);
	open_streams(m, &x, z, q);
	behave(m, &x, z, q, a);
	report(&x, q);
	if (m->linger)
		getchar();
	zcrx_queue_close(q);
	must(zcrx_area_free(a), "the end of the area", z);
}

void many_receive(struct many *m)
{
	struct zcrx *z = NULL;
	if (strcmp(m->how, "twice") == 0)
		return listen_twice(m);
	must(zcrx_connect(&z, NULL), "zcrxd", NULL);
	for (; m->rounds > 0; m->rounds--, m->port++)
		receive_round(m, z);
	zcrx_close(z);
}
