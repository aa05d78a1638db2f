/* SPDX-License-Identifier: MIT */
/* Turns of a queue with a backend of the test's, whose completions are not the kernel's. */
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cmocka.h>

#include "../../daemon/backend.h"
#include "../../daemon/channel.h"
#include "../../daemon/flow.h"
#include "../../daemon/flows.h"
#include "../../daemon/nudge.h"
#include "../../daemon/queue.h"
#include "../../daemon/turn.h"
#include "../../daemon/util.h"

enum {
	CQ_ENTRIES = 64,
	RQ_ENTRIES = 64,
	PAGES = 16,
	FLOWS = CHANNEL_SOCKETS + 1,
	STRANGER = 77 /* no flow's id */
};

static const struct limits limits = {
	.most = {[ACCOUNT_QUEUES] = 1, [ACCOUNT_BYTES] = 1 << 20, [ACCOUNT_FLOWS] = FLOWS},
	.most_users = 1,
};

/* What the backend does. */
static struct {
	struct rings *rings;
	struct uring *ring;
	uint32_t reaps, something_at; /* the reap that takes something, which frees a buffer */
	uint32_t held_at;             /* the reap that finds no room for it */
	uint32_t completion_at;       /* the reap that makes a completion */
	uint32_t buffers;
	uint32_t arms;
} fake;

static int fake_open(void **ret, struct uring *ring, struct rings *rings,
		     struct backend_place *place)
{
	(void)place;
	fake.rings = rings;
	fake.ring = ring;
	*ret = &fake;
	return 0;
}

static void fake_close(void *b, struct uring *ring)
{
	(void)b, (void)ring;
}

static void fake_arm(void *b, struct uring *ring, int sock, uint64_t user_data)
{
	(void)b;
	struct io_uring_sqe *sqe = uring_sqe(ring);
	io_uring_prep_poll_add(sqe, sock, POLLIN);
	sqe->user_data = user_data;
	fake.arms++;
}

static bool fake_reap(void *b, bool *ret_held)
{
	(void)b;
	struct io_uring_cqe *cqe;
	bool something = ++fake.reaps == fake.something_at;
	while ((cqe = uring_peek(fake.ring))) {
		rings_complete(fake.rings,
			       &(struct ring_cqe){.user_data = cqe->user_data, .res = cqe->res});
		io_uring_cqe_seen(&fake.ring->io, cqe);
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

static uint32_t fake_post(void *b)
{
	(void)b;
	return fake.buffers;
}

static const struct backend backend = {.name = "fake",
				       .cqe_bytes = 32,
				       .open = fake_open,
				       .close = fake_close,
				       .arm = fake_arm,
				       .reap = fake_reap,
				       .post = fake_post};

static struct client client;
static struct area area = {.bytes = PAGES * 4096, .dmabuf = -1};
static struct queue *queue;
static int channel, sock[2];

static int setup(void **state)
{
	(void)state;
	int pidfd = (int)syscall(SYS_pidfd_open, getpid(), 0);
	assert_true(pidfd >= 0);
	fake = (typeof(fake)){0};
	client = (struct client){.control = URING_NONE};
	pthread_mutex_init(&client.lock, NULL);
	TAILQ_INIT(&client.queues);
	client.epoll = epoll_create1(EPOLL_CLOEXEC);
	assert_int_equal(peer_get(&client.who.peer, "test", &limits, getuid(), pidfd, 1), 0);
	close(pidfd);

	uint32_t reason;
	struct queue_wish wish = {.area = &area,
				  .backend = &backend,
				  .cq_entries = CQ_ENTRIES,
				  .rq_entries = RQ_ENTRIES,
				  .buffer_bytes = 4096};
	assert_int_equal(queue_new(&queue, &client, &wish, &channel, &reason), 0);
	assert_int_equal(queue_start(queue), 0);
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, sock), 0);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	while (!TAILQ_EMPTY(&queue->flows))
		flow_free(TAILQ_FIRST(&queue->flows));
	queue_free(queue);
	close(channel);
	close(sock[0]);
	free(client.slots);
	close(client.epoll);
	peer_put(client.who.peer);
	account_done();
	pthread_mutex_destroy(&client.lock);
	return 0;
}

/* A flow that waits for a buffer. */
static void one_waits(void)
{
	struct flow *f;
	assert_int_equal(flow_new(&f, queue, sock[1]), 0);
	f->why_copied = "this is a test";
	flow_open(f);
	queue_turn(queue);
	assert_false(queue->active);
	assert_int_equal(fake.arms, 0);
}

static void what_waits_for_a_buffer_gets_one_that_came_before_sleep(void **state)
{
	(void)state;
	one_waits();
	/* A turn reaps first, and once more before it says that there is nothing to do. */
	fake.reaps = 0;
	fake.something_at = 2;
	queue->active = true;
	queue_turn(queue);
	assert_int_equal(fake.reaps, 2);
	assert_int_equal(fake.arms, 0);
	assert_true(queue->active);
	queue_turn(queue);
	assert_int_equal(fake.arms, 1);
}

static void a_turn_that_finds_nothing_is_the_last(void **state)
{
	(void)state;
	one_waits();
	fake.reaps = 0;
	queue->active = true;
	queue_turn(queue);
	assert_int_equal(fake.reaps, 2);
	assert_false(queue->active);
}

static void what_waits_for_the_client_since_the_last_look_has_it_kicked(void **state)
{
	(void)state;
	fake.held_at = 2;
	queue_turn(queue);
	assert_int_equal(fake.reaps, 2);
	assert_false(queue->active);
	assert_int_not_equal(queue->rings.daemon->kick, 0);
}

/* It need not know that there is something to read: a dead flow waits for that. */
static void a_client_that_sleeps_is_woken_to_bury_its_dead(void **state)
{
	(void)state;
	struct flow *f;
	fake.completion_at = 1;
	queue_turn(queue);
	assert_int_equal(queue->scanned, 1);
	assert_int_equal(flow_new(&f, queue, sock[1]), 0);
	flows_link(f);
	ring_store(&queue->rings.client->wake, 1);
	flow_close(f, false);
	queue_turn(queue);
	assert_int_equal(flow_state(f), FLOW_DEAD);
	assert_int_equal(ring_load(&queue->rings.client->wake), 0);
	ring_store(&queue->rings.client->cq_head, 1);
	queue->active = true;
	queue_turn(queue);
	assert_true(TAILQ_EMPTY(&queue->flows));
}

/* Its reader is awake and need not read it. */
static void sockets_go_on_though_a_wake_up_lies_unread(void **state)
{
	(void)state;
	struct flow *f;
	char datagram[512];
	for (int i = 0; i < FLOWS; i++) {
		assert_int_equal(flow_new(&f, queue, dup(sock[1])), 0);
		f->state = FLOW_OPENING;
		flows_link(f);
		channel_tell(queue, f);
		assert_int_equal(flow_state(f), i < CHANNEL_SOCKETS ? FLOW_IDLE : FLOW_OPENING);
	}
	for (int i = 0; i < CHANNEL_SOCKETS; i++)
		assert_true(recv(channel, datagram, sizeof(datagram), MSG_DONTWAIT) > 1);
	ring_store(&queue->rings.client->wake, 1);
	channel_wake(queue);
	channel_flush(queue);
	assert_int_equal(flow_state(f), FLOW_IDLE);
	assert_int_equal(recv(channel, datagram, sizeof(datagram), MSG_DONTWAIT), 1);
}

/* Without memory for what finds no room in the CQ the kernel drops it. */
static void a_queue_that_lost_completions_is_lost_and_closes(void **state)
{
	(void)state;
	for (int i = 0; i < 2; i++) {
		struct flow *f;
		assert_int_equal(flow_new(&f, queue, dup(sock[1])), 0);
		flows_link(f);
		f->state = FLOW_ARMED; /* and its receive has ended, */
		f->cancelling = i;     /* by a cancellation */
	}
	queue_turn(queue);
	assert_int_equal(queue->lost, 0);
	*queue->ring.io.cq.koverflow = 1;
	queue->active = true;
	for (int i = 0; i < 8 && queue->active; i++)
		queue_turn(queue);
	assert_int_equal(queue->lost, -EBADR);
	assert_true(queue_quiet(queue));
}

/* A connection of TCP's; returns the end that accepted. */
static int tcp_pair(int *ret_peer)
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

/* Who waits for edges, as a multishot receive does, gets another one for the same. */
static void expect_second_edge(void (*happens)(int peer))
{
	struct flow *f;
	struct epoll_event e = {.events = EPOLLIN | EPOLLET};
	int peer, epoll = epoll_create1(EPOLL_CLOEXEC);
	assert_int_equal(flow_new(&f, queue, tcp_pair(&peer)), 0);
	assert_int_equal(epoll_ctl(epoll, EPOLL_CTL_ADD, f->sock, &e), 0);
	happens(peer);
	assert_int_equal(epoll_wait(epoll, &e, 1, 1000), 1);
	flows_link(f);
	f->state = FLOW_ARMED;
	nudge_note(f);
	queue_turn(queue);
	assert_false(queue->active);
	assert_int_equal(epoll_wait(epoll, &e, 1, 0), 0);
	assert_int_not_equal(queue->look_ns, 0);
	while (clock_ns() < queue->look_ns)
		usleep(1000);
	queue_turn(queue);
	assert_int_equal(epoll_wait(epoll, &e, 1, 0), 1);
	assert_int_equal(queue->look_ns, 0);
	close(epoll);
	close(peer);
}

static void data_comes(int peer)
{
	assert_int_equal(send(peer, "x", 1, 0), 1);
}

static void reset_comes(int peer)
{
	assert_int_equal(connect(peer, &(struct sockaddr){.sa_family = AF_UNSPEC},
				 sizeof(struct sockaddr)),
			 0);
}

static void data_that_a_receive_may_have_overlooked_wakes_it_later(void **state)
{
	(void)state;
	expect_second_edge(data_comes);
}

static void an_end_that_a_receive_may_have_overlooked_wakes_it_later(void **state)
{
	(void)state;
	expect_second_edge(reset_comes);
}

#define CASE(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(what_waits_for_a_buffer_gets_one_that_came_before_sleep),
		CASE(what_waits_for_the_client_since_the_last_look_has_it_kicked),
		CASE(a_client_that_sleeps_is_woken_to_bury_its_dead),
		CASE(sockets_go_on_though_a_wake_up_lies_unread),
		CASE(data_that_a_receive_may_have_overlooked_wakes_it_later),
		CASE(an_end_that_a_receive_may_have_overlooked_wakes_it_later),
		CASE(a_queue_that_lost_completions_is_lost_and_closes),
		CASE(a_turn_that_finds_nothing_is_the_last),
	};
	return cmocka_run_group_tests_name("turn", tests, NULL, NULL);
}
