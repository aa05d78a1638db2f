/* SPDX-License-Identifier: MIT */
/*
 * A server on an event loop: accepts every connection on a port of this machine and says how much
 * each one sent. The loop in receive() is all there is to learn.
 *
 * usage: example-recv PORT
 */
#include <arpa/inet.h>
#include <errno.h>
#include <inttypes.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <unistd.h>
#include <zcrx.h>

struct connection {
	uint64_t bytes;
	unsigned char last; /* shows that the payload is right here, in our own memory */
};

static void opened(struct zcrx_flow *f)
{
	zcrx_flow_set_user(f, calloc(1, sizeof(struct connection)));
}

static void consume(struct connection *connection, const unsigned char *data, uint32_t len)
{
	if (!connection)
		return;
	connection->bytes += len;
	connection->last = data[len - 1];
}

static void ended(struct zcrx_flow *f, int error)
{
	struct connection *connection = zcrx_flow_user(f);
	if (connection)
		printf("%" PRIu64 " bytes, the last is %#x: %s\n", connection->bytes,
		       connection->last, error ? "cut off" : "complete");
	free(connection);
	zcrx_flow_close(f, 0);
}

static int receive(struct zcrx_queue *q)
{
	struct zcrx_completion c[64];
	int n;
	while ((n = zcrx_reap(q, c, 64)) > 0) {
		for (int i = 0; i < n; i++)
			switch (c[i].what) {
			case ZCRX_OPEN:
				opened(c[i].flow);
				break;
			case ZCRX_DATA:
				consume(c[i].user, zcrx_data(q, &c[i]), c[i].len);
				break;
			case ZCRX_END:
				ended(c[i].flow, c[i].error);
				break;
			case ZCRX_LOST:
				return c[i].error;
			}
		zcrx_recycle(q, c, n);
	}
	return n; /* 0: armed, back to epoll */
}

static int serve(struct zcrx *z, uint16_t port)
{
	struct sockaddr_in at = {.sin_family = AF_INET, .sin_port = htons(port)};
	struct zcrx_area *area = NULL;
	struct zcrx_queue *q = NULL;
	struct zcrx_flow *listener;
	int r = zcrx_area_new(z, &area, 16 << 20, 0);
	if (r == 0)
		r = zcrx_queue_open(z, &q, area, NULL);
	if (r == 0)
		r = zcrx_flow_listen(q, &listener, (struct sockaddr *)&at, sizeof(at), 0, NULL);
	if (r < 0)
		return r;

	/* Add to this loop whatever else the program waits for. */
	int epoll = epoll_create1(EPOLL_CLOEXEC);
	struct epoll_event event = {.events = EPOLLIN};
	if (epoll < 0 || epoll_ctl(epoll, EPOLL_CTL_ADD, zcrx_queue_fd(q), &event) < 0)
		return -errno;
	while ((r = receive(q)) == 0) {
		fflush(stdout);
		if (epoll_wait(epoll, &event, 1, -1) < 0 && errno != EINTR) {
			r = -errno;
			break;
		}
	}
	close(epoll);
	return r;
}

int main(int argc, char **argv)
{
	struct zcrx *z = NULL;
	char *end;
	unsigned long port = argc == 2 ? strtoul(argv[1], &end, 10) : 0;
	if (port == 0 || port > UINT16_MAX || *end) {
		fprintf(stderr, "usage: example-recv PORT\n");
		return 2;
	}
	int r = zcrx_connect(&z, NULL);
	if (r == 0)
		r = serve(z, (uint16_t)port);
	errno = -r;
	fprintf(stderr, "example-recv: %m. %s\n", zcrx_error(z));
	zcrx_close(z);
	return 1;
}
