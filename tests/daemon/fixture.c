/* SPDX-License-Identifier: MIT */
#include "tests/daemon/fixture.h"

#include <netinet/in.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "daemon/pump/flows.h"
#include "daemon/pump/life.h"
#include "daemon/pump/queue.h"
#include "daemon/pump/turn.h"
#include "tests/daemon/payer.h"

#define PAGES 16ull

static const struct limits limits = {
	.most = {[ACCOUNT_QUEUES] = 1,
		 [ACCOUNT_BYTES] = 1 << 20,
		 [ACCOUNT_FLOWS] = FLOWS,
		 [ACCOUNT_LISTENERS] = 1},
	.most_users = 1,
};

struct fake fake;
struct answer answer;
static const struct backend_ops ops;

static int fake_open(struct backend **ret, const struct backend_setup *setup)
{
	fake.backend = (struct backend){.ops = &ops,
					.ring = setup->ring,
					.buffer_bytes = setup->buffer_bytes};
	fake.rings = setup->rings;
	*ret = &fake.backend;
	return 0;
}

static void fake_close(struct backend *b)
{
	(void)b;
}

static void fake_arm(struct backend *b, int fd, uint64_t user_data)
{
	struct io_uring_sqe *sqe = uring_sqe(b->ring);
	io_uring_prep_poll_add(sqe, fd, POLLIN);
	sqe->user_data = user_data;
	fake.arms++;
}

static bool fake_reap(struct backend *b, bool *ret_held)
{
	struct io_uring_cqe *cqe;
	bool something = ++fake.reaps == fake.something_at;
	while (!fake.deaf && (cqe = uring_peek(b->ring))) {
		rings_complete(fake.rings,
			       &(struct ring_cqe){.user_data = cqe->user_data, .res = cqe->res});
		io_uring_cqe_seen(&b->ring->io, cqe);
	}
	fake.buffers += something;
	*ret_held = fake.reaps == fake.held_at;
	if (fake.reaps == fake.completion_at)
		rings_complete(fake.rings, &(struct ring_cqe){.user_data = STRANGER,
							      .res = 1,
							      .flags = IORING_CQE_F_MORE});
	rings_complete_show(fake.rings);
	return something || fake.reaps == fake.completion_at;
}

static bool fake_refill(struct backend *b, uint64_t off)
{
	(void)b;
	fake.refills += off == 1;
	return off == 1;
}

static uint32_t fake_replenish(struct backend *b)
{
	(void)b;
	return fake.buffers;
}

static const struct backend_private_ring private_ring = {.reap = fake_reap};

static const struct backend_ops ops = {.cqe_bytes = 32,
				       .open = fake_open,
				       .close = fake_close,
				       .arm = fake_arm,
				       .replenish = fake_replenish,
				       .refill = fake_refill,
				       .private_ring = &private_ring};

struct client client;
static struct area area = {.bytes = PAGES * 4096, .dmabuf = -1};
struct queue *queue;
int channel, sock[2];

int fixture_open(void **state)
{
	(void)state;
	fake = (struct fake){0};
	client = CLIENT_NULL;
	assert_int_equal(report_new(&client.report), 0);
	TAILQ_INIT(&client.queues);
	client.who.user = payer_new(&limits);

	uint32_t reason;
	struct queue_wish wish = {.area = &area,
				  .ops = &ops,
				  .cq_entries = CQ_ENTRIES,
				  .rq_entries = RQ_ENTRIES,
				  .buffer_bytes = 4096,
				  .poke = eventfd(0, EFD_CLOEXEC)};
	assert_int_equal(queue_new(&queue, &client, &wish, &channel, &reason), 0);
	assert_int_equal(queue_show(queue), 0);
	assert_int_equal(queue_start(queue), 0);
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, sock), 0);
	return 0;
}

int fixture_close(void **state)
{
	(void)state;
	life_close(queue);
	while (queue->life != LIFE_QUIET)
		queue_turn(queue);
	queue_end(queue);
	queue_free(queue);
	close(channel);
	close(sock[0]);
	flows_done(&client);
	payer_free(client.who.user);
	report_put(client.report);
	return 0;
}

int fixture_tcp(int *ret_peer)
{
	struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t size = sizeof(at);
	int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	*ret_peer = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_int_equal(bind(listener, (struct sockaddr *)&at, size), 0);
	assert_int_equal(listen(listener, 1), 0);
	assert_int_equal(getsockname(listener, (struct sockaddr *)&at, &size), 0);
	assert_int_equal(connect(*ret_peer, (struct sockaddr *)&at, size), 0);
	int accepted = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
	assert_true(accepted >= 0);
	close(listener);
	return accepted;
}
