/* SPDX-License-Identifier: MIT */
/* The kernel's and the pump's part, on the test's own thread. */
#include <errno.h>
#include <linux/futex.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cmocka.h>

#include "proto/wire.h"
#include "tests/lib/fake.h"

static uint32_t *cq_tail(struct fake *f)
{
	return (void *)(f->cq + fake_layout().cq_tail);
}

void fake_cqe(struct fake *f, uint64_t user_data, int32_t res, uint32_t flags)
{
	uint32_t tail = *cq_tail(f);
	const struct ring_cqe e = {.user_data = user_data, .res = res, .flags = flags};
	char *at = f->cq + fake_layout().cq_cqes;
	memcpy(at + tail % FAKE_CQ_ENTRIES * RING_CQE_FORMAT_1_BYTES, &e, RING_CQE_FORMAT_1_BYTES);
	ring_store(cq_tail(f), tail + 1);
}

void fake_data(struct fake *f, uint32_t flow, uint32_t buffer, int32_t len)
{
	fake_cqe(f, flow, len, buffer << RING_CQE_BUFFER_SHIFT | RING_CQE_BUFFER);
}

void fake_tail_set(struct fake *f, uint32_t tail)
{
	ring_store(cq_tail(f), tail);
}

struct ring_daemon *fake_daemon_page(struct fake *f)
{
	return (void *)(f->cq + fake_layout().daemon_page);
}

struct ring_client *fake_client_page(struct fake *f)
{
	return (void *)(f->rq + fake_layout().client_page);
}

bool fake_refill(struct fake *f, struct ring_rqe *ret)
{
	const uint32_t *tail = (void *)(f->rq + fake_layout().rq_tail);
	const struct ring_rqe *rqes = (void *)(f->rq + fake_layout().rq_rqes);
	if (ring_load(tail) == f->rq_head)
		return false;
	*ret = rqes[f->rq_head++ % FAKE_RQ_ENTRIES];
	ring_store((void *)(f->rq + fake_layout().rq_head), f->rq_head);
	return true;
}

bool fake_wake(struct fake *f)
{
	uint32_t *word = &fake_client_page(f)->wake, how = ring_take(word);
	if (how == RING_WAKE_FUTEX)
		syscall(SYS_futex, word, FUTEX_WAKE, 1, NULL, NULL, 0);
	else if (how)
		fake_send(f, "", 1, -1);
	return how;
}

int fake_kick(struct fake *f)
{
	char bytes[8];
	ssize_t n = recv(f->channel, bytes, sizeof(bytes), MSG_DONTWAIT);
	if (n < 0) {
		assert_int_equal(errno, EAGAIN);
		return -1;
	}
	assert_int_equal(n, 1);
	return bytes[0];
}

bool fake_kicked(struct fake *f)
{
	int kick = fake_kick(f);
	assert_in_range(kick + 1, 0, RING_KICK + 1);
	return kick >= 0;
}

void fake_send(struct fake *f, const void *bytes, size_t len, int fd)
{
	if (fd < 0) {
		assert_int_equal(send(f->channel, bytes, len, MSG_NOSIGNAL | MSG_DONTWAIT), len);
		return;
	}
	assert_int_equal(wire_send(f->channel, bytes, &fd, MSG_DONTWAIT), 0);
}

void fake_event(struct fake *f, struct msg_hdr *m, uint16_t type, uint32_t size, int fd)
{
	*m = (struct msg_hdr){.size = size, .type = type, .nfds = fd >= 0};
	fake_send(f, m, size, fd);
	struct ring_daemon *d = fake_daemon_page(f);
	ring_store(&d->events, d->events + 1);
}

void fake_flow_opened(struct fake *f, uint32_t listener, uint32_t flow, int fd)
{
	struct msg_flow_opened m = {
		.queue_id = FAKE_QUEUE_ID,
		.listener_id = listener,
		.flow_id = flow,
		.remote = {.family = 4, .port = 1234, .ip = {10, 1, 2, 3}},
	};
	fake_event(f, &m.hdr, MSG_FLOW_OPENED, sizeof(m), fd);
}

void fake_flow_closed(struct fake *f, uint32_t flow, int32_t error, uint32_t cq_pos)
{
	struct msg_flow_closed m = {
		.queue_id = FAKE_QUEUE_ID,
		.flow_id = flow,
		.error = error,
		.cq_pos = cq_pos,
	};
	fake_event(f, &m.hdr, MSG_FLOW_CLOSED, sizeof(m), -1);
}

void fake_queue_lost(struct fake *f, int32_t error)
{
	struct msg_queue_lost m = {.queue_id = FAKE_QUEUE_ID, .error = error, .text = FAKE_LOST};
	fake_event(f, &m.hdr, MSG_QUEUE_LOST, sizeof(m), -1);
}
