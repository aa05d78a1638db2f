/* SPDX-License-Identifier: MIT */
/*
 * The receiver everybody starts with: recv() in a loop, with epoll if there are several flows. It
 * fills its area one buffer after the other, again and again. An area of a single buffer is its
 * best case, since the buffer stays in the cache. With an area as large as that of the other
 * receivers it leaves payload in memory as they do.
 */
#include "bench/bench.h"

#include <errno.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

struct receiver {
	struct bench bench;
	uint8_t *area;
	size_t nr_buffers;
	size_t next; /* the buffer to receive into */
};

/* One recv(). Returns false at the end of the stream. */
static bool receive(void *receiver, int sock)
{
	struct receiver *x = receiver;
	uint8_t *buffer = x->area + x->next * x->bench.buffer_bytes;
	ssize_t n = recv(sock, buffer, x->bench.buffer_bytes, 0);

	if (n < 0)
		bench_die("recv", -errno);
	x->next = x->next + 1 == x->nr_buffers ? 0 : x->next + 1;
	if (n > 0)
		bench_take(&x->bench, sock, buffer, (size_t)n);
	else
		close(sock);
	return n > 0;
}

int main(int argc, char **argv)
{
	struct receiver x = {0};
	int listener;

	bench_options(&x.bench, argc, argv);
	x.nr_buffers = x.bench.area_bytes / x.bench.buffer_bytes;
	x.area = mmap(NULL, x.bench.area_bytes, PROT_READ | PROT_WRITE,
		      MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
	if (x.area == MAP_FAILED)
		bench_die("mmap", -errno);
	listener = bench_listen(x.bench.flows);
	bench_begin(&x.bench, listener);
	bench_receive(&x.bench, listener, receive, &x);
	bench_end(&x.bench, "");
	close(listener);
	return 0;
}
