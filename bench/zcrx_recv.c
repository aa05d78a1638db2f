/* SPDX-License-Identifier: MIT */
/* The receiver under test: libzcrx and the daemon. */
#include "bench/bench.h"

#include <inttypes.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <unistd.h>
#include <zcrx-mem.h>

enum {
	BATCH = 64
};

struct receiver {
	struct bench bench;
	struct zcrx *zcrx;
	struct zcrx_area *area;
	struct zcrx_queue *queue;
	const char *data; /* of the area; NULL: no CPU can reach it */
	unsigned open;    /* flows that have not ended */
};

static void check(const struct receiver *x, const char *what, int r)
{
	if (r >= 0)
		return;
	if (x->zcrx && zcrx_error(x->zcrx)[0])
		fprintf(stderr, "bench: %s\n", zcrx_error(x->zcrx));
	bench_die(what, r);
}

static uint32_t backend(const struct bench *b)
{
	if (b->devmem)
		return ZCRX_BACKEND_DEVMEM;
	return b->nic ? ZCRX_BACKEND_ZCRX : ZCRX_BACKEND_COPY;
}

static int area_udmabuf(struct receiver *x)
{
	int fd = zcrx_mem_udmabuf(x->bench.area_bytes), r;

	if (fd < 0)
		bench_die(zcrx_mem_error(), fd);
	r = zcrx_area_import(x->zcrx, &x->area, fd, 0);
	close(fd);
	return r;
}

static void setup(struct receiver *x)
{
	const struct zcrx_queue_options options = {
		.size = sizeof(options),
		.backend = backend(&x->bench),
		.buffer_bytes = (uint32_t)x->bench.buffer_bytes,
	};
	const struct sockaddr_in at = bench_address();
	struct zcrx_flow *listener;

	check(x, "zcrx_connect", zcrx_connect(&x->zcrx, NULL));
	check(x, "the area",
	      x->bench.devmem ? area_udmabuf(x)
			      : zcrx_area_new(x->zcrx, &x->area, x->bench.area_bytes, 0));
	check(x, "zcrx_queue_open", zcrx_queue_open(x->zcrx, &x->queue, x->area, &options));
	check(x, "zcrx_flow_listen",
	      zcrx_flow_listen(x->queue, &listener, (const struct sockaddr *)&at, sizeof(at), 0,
			       NULL));
	x->data = zcrx_area_data(x->area);
	x->open = x->bench.flows;
	bench_begin(&x->bench, zcrx_flow_socket(listener));
}

static void handle(struct receiver *x, const struct zcrx_completion *c)
{
	const int one = 1;
	int sock;

	switch ((enum zcrx_what)c->what) {
	case ZCRX_OPEN:
		sock = zcrx_flow_socket(c->flow);
		setsockopt(sock, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
		zcrx_flow_set_user(c->flow, (void *)(intptr_t)sock);
		break;
	case ZCRX_DATA:
		bench_take(&x->bench, (int)(intptr_t)c->user,
			   c->flags & ZCRX_SIDE ? zcrx_data(x->queue, c) : x->data + c->off,
			   c->len);
		break;
	case ZCRX_END:
		check(x, "the stream", c->error);
		zcrx_flow_close(c->flow, 0);
		x->open--;
		break;
	case ZCRX_LOST:
		check(x, "the queue", c->error);
		break;
	}
}

static void receive(struct receiver *x)
{
	struct zcrx_completion c[BATCH];

	while (x->open > 0) {
		int n = zcrx_reap(x->queue, c, BATCH);

		check(x, "zcrx_reap", n);
		for (int i = 0; i < n; i++)
			handle(x, &c[i]);
		zcrx_recycle(x->queue, c, n);
		if (n == 0)
			check(x, "zcrx_wait", zcrx_wait(x->queue, -1));
	}
}

int main(int argc, char **argv)
{
	struct receiver x = {0};
	struct zcrx_queue_info info = {.size = sizeof(info)};
	char extra[96];

	bench_options(&x.bench, argc, argv);
	setup(&x);
	receive(&x);
	check(&x, "zcrx_queue_info", zcrx_queue_info(x.queue, &info));
	x.bench.completions = info.completions;
	x.bench.enters = info.enters;
	snprintf(extra, sizeof(extra), ", \"wakeups\": %" PRIu64 ", \"starvations\": %" PRIu64,
		 info.wakeups, info.starvations);
	bench_end(&x.bench, extra);
	zcrx_close(x.zcrx);
	return 0;
}
