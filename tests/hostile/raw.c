/* SPDX-License-Identifier: MIT */
#include "tests/hostile/raw.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <unistd.h>

#include <cmocka.h>

#include "proto/wire.h"
#include "tests/harness/fds.h"
#include "tests/hostile/world.h"

/* ---- the control socket ---- */

void raw_connect_mutely(struct raw *r)
{
	struct sockaddr_un at = {.sun_family = AF_UNIX};
	memcpy(at.sun_path, zcrxd.socket, strlen(zcrxd.socket));
	*r = (struct raw){.sock = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0)};
	assert_true(r->sock >= 0);
	assert_int_equal(connect(r->sock, (struct sockaddr *)&at, sizeof(at)), 0);
}

void raw_connect(struct raw *r)
{
	union msg_any m = {.hello = {.version_min = 1, .version_max = 1, .name = "hostile"}};
	raw_connect_mutely(r);
	assert_int_equal(raw_request(r, MSG_HELLO, &m, -1, NULL), 0);
}

void raw_close(struct raw *r)
{
	close(r->sock);
	r->sock = -1;
}

void raw_send(const struct raw *r, const void *data, size_t bytes, const int *fds, size_t nfds)
{
	assert_int_equal(fds_send(r->sock, data, bytes, fds, nfds, 0), 0);
}

static void readable(int fd)
{
	struct pollfd p = {.fd = fd, .events = POLLIN};
	if (poll(&p, 1, WORLD_PATIENCE_MS) != 1)
		fail_msg("the daemon says nothing for %d ms", WORLD_PATIENCE_MS);
}

static size_t receive(int sock, union msg_any *ret, int fds[MSG_FDS_MAX])
{
	int got[MSG_FDS_MAX];
	uint32_t nfds = 0;
	readable(sock);
	int n = wire_recv(sock, ret, got, &nfds, MSG_DONTWAIT);
	assert_true(n >= 0);
	if (fds)
		memcpy(fds, got, sizeof(got));
	else
		wire_close(got, nfds);
	return (size_t)n;
}

size_t raw_receive(const struct raw *r, union msg_any *ret, int fds[MSG_FDS_MAX])
{
	return receive(r->sock, ret, fds);
}

void raw_ended(const struct raw *r)
{
	union msg_any m;
	assert_int_equal(raw_receive(r, &m, NULL), 0);
}

static uint32_t request_bytes(uint16_t type)
{
	switch (type) {
#define X(name, number, request, ...) \
	case number:                  \
		return sizeof(struct request);
		MSG_REQUESTS(X)
#undef X
	default:
		return sizeof(struct msg_ok);
	}
}

int raw_request(struct raw *r, uint16_t type, union msg_any *m, int fd, int fds[MSG_FDS_MAX])
{
	m->hdr = (struct msg_hdr){.size = request_bytes(type),
				  .type = type,
				  .nfds = fd >= 0,
				  .serial = ++r->serial};
	raw_send(r, m, m->hdr.size, &fd, fd >= 0);
	size_t len = raw_receive(r, m, fds);
	if (msg_check_reply(m, (uint32_t)len, m->hdr.nfds, type, r->serial) < 0)
		fail_msg("no reply to %s: %zu bytes, type %u", msg_name(type), len, m->hdr.type);
	return m->hdr.error;
}

void raw_is_refusal(const union msg_any *m, uint16_t type, uint32_t serial, uint32_t reason,
		    const char *text)
{
	if (m->fail.reason != reason || m->hdr.error >= 0)
		fail_msg("%s: %s (%s), not %s", msg_name(type), reason_name(m->fail.reason),
			 m->fail.text, reason_name(reason));
	assert_int_equal(m->hdr.size, sizeof(m->fail));
	assert_int_equal(m->hdr.type, type);
	assert_int_equal(m->hdr.serial, serial);
	assert_int_equal(m->hdr.nfds, 0);
	if (reason != REASON_NETWORK && reason != REASON_KERNEL && reason != REASON_DAEMON_LIMIT)
		assert_int_equal(m->hdr.error, reason_error(reason));
	/* Which limit it is, and how much of it is used, the tests of policy check. */
	if (reason == REASON_QUOTA && !text)
		assert_non_null(strstr(m->fail.text, "] in zcrxd.conf raised."));
	else
		assert_string_equal(m->fail.text, text ? text : reason_text(reason));
}

void raw_refused(struct raw *r, uint16_t type, union msg_any m, int fd, uint32_t reason,
		 const char *text)
{
	if (raw_request(r, type, &m, fd, NULL) == 0)
		fail_msg("%s was not refused (%s)", msg_name(type), reason_name(reason));
	raw_is_refusal(&m, type, r->serial, reason, text);
}

/* ---- areas and queues ---- */

int raw_memfd(size_t bytes)
{
	int fd = memfd_create("hostile", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	assert_true(fd >= 0);
	assert_int_equal(ftruncate(fd, (off_t)bytes), 0);
	assert_int_equal(fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK), 0);
	return fd;
}

void raw_touch(int fd, uint64_t off, uint64_t bytes)
{
	assert_int_equal(fallocate(fd, 0, (off_t)off, (off_t)bytes), 0);
}

uint32_t raw_area_add(struct raw *r, int fd, uint64_t bytes)
{
	union msg_any m = {.area_add = {.kind = MSG_AREA_MEMFD, .length = bytes}};
	if (raw_request(r, MSG_AREA_ADD, &m, fd, NULL) < 0)
		fail_msg("AREA_ADD: %s", m.fail.text);
	return m.area_add_reply.area_id;
}

static char *map(int fd, size_t bytes, int protection)
{
	void *at = mmap(NULL, bytes, protection, MAP_SHARED, fd, 0);
	assert_ptr_not_equal(at, MAP_FAILED);
	return at;
}

void raw_queue_open(struct raw_queue *q, struct raw *r, size_t area_bytes, uint32_t buffer_bytes,
		    uint32_t cq_entries)
{
	raw_queue_wish(q, r, area_bytes,
		       (struct msg_queue_open){.backend = MSG_BACKEND_COPY,
					       .buffer_bytes = buffer_bytes,
					       .cq_entries = cq_entries});
}

void raw_queue_wish(struct raw_queue *q, struct raw *r, size_t area_bytes,
		    struct msg_queue_open wish)
{
	int fds[MSG_FDS_MAX];
	*q = (struct raw_queue){.r = r, .area_bytes = area_bytes};
	q->area_fd = raw_memfd(area_bytes);
	if (area_bytes <= RAW_TOUCHED_MAX)
		raw_touch(q->area_fd, 0, area_bytes);
	q->area_id = raw_area_add(r, q->area_fd, area_bytes);
	union msg_any m = {.queue_open = wish};
	m.queue_open.area_id = q->area_id;
	if (raw_request(r, MSG_QUEUE_OPEN, &m, -1, fds) < 0)
		fail_msg("QUEUE_OPEN: %s", m.fail.text);
	assert_int_equal(m.hdr.nfds, 3);
	q->id = m.queue_open_reply.queue_id;
	q->buffer_bytes = m.queue_open_reply.buffer_bytes;
	q->at = m.queue_open_reply.rings;
	q->cq_fd = fds[0];
	q->rq_fd = fds[1];
	q->channel = fds[2];
	q->area = map(q->area_fd, area_bytes, PROT_READ | PROT_WRITE);
	q->cq = map(q->cq_fd, q->at.cq_map_bytes, PROT_READ);
	q->rq = map(q->rq_fd, q->at.rq_map_bytes, PROT_READ | PROT_WRITE);
}

void raw_queue_drop(struct raw_queue *q)
{
	munmap(q->area, q->area_bytes);
	munmap((void *)(uintptr_t)q->cq, q->at.cq_map_bytes);
	munmap(q->rq, q->at.rq_map_bytes);
	close(q->area_fd);
	close(q->cq_fd);
	close(q->rq_fd);
	close(q->channel);
}

struct ring_client *raw_client(const struct raw_queue *q)
{
	return (void *)(q->rq + q->at.client_page);
}

const struct ring_daemon *raw_daemon(const struct raw_queue *q)
{
	return (const void *)(q->cq + q->at.daemon_page);
}

static uint32_t load(const void *word)
{
	return __atomic_load_n((const uint32_t *)word, __ATOMIC_ACQUIRE);
}

uint32_t raw_tail(const struct raw_queue *q)
{
	return load(q->cq + q->at.cq_tail);
}

/* ---- flows ---- */

uint32_t raw_adopt(struct raw_queue *q, int sock, uint32_t flags)
{
	union msg_any m = {.flow_adopt = {.queue_id = q->id, .flags = flags}};
	if (raw_request(q->r, MSG_FLOW_ADOPT, &m, sock, NULL) < 0)
		fail_msg("FLOW_ADOPT: %s", m.fail.text);
	assert_int_not_equal(m.flow_reply.flow_id, 0);
	return m.flow_reply.flow_id;
}

int raw_flow_close(struct raw *r, uint32_t flow, uint32_t flags)
{
	union msg_any m = {.flow_close = {.flow_id = flow, .flags = flags}};
	return raw_request(r, MSG_FLOW_CLOSE, &m, -1, NULL);
}

bool raw_take(struct raw_queue *q, struct raw_data *ret)
{
	struct ring_cqe e = {0};
	bool found = false;
	while (!found && q->head != raw_tail(q)) {
		size_t index = q->head++ & (q->at.cq_entries - 1);
		memcpy(&e, q->cq + q->at.cq_cqes + index * q->at.cqe_bytes,
		       RING_CQE_FORMAT_1_BYTES);
		found = e.res > 0 && e.flags & RING_CQE_BUFFER;
	}
	ring_store(&raw_client(q)->cq_head, q->head);
	if (!found)
		return false;
	*ret = (struct raw_data){.flow = (uint32_t)e.user_data,
				 .off = (uint64_t)(e.flags >> RING_CQE_BUFFER_SHIFT) *
					q->buffer_bytes,
				 .bytes = (uint32_t)e.res};
	assert_true(ret->bytes <= q->buffer_bytes && ret->off + ret->bytes <= q->area_bytes);
	return true;
}

void raw_refill(struct raw_queue *q, uint64_t off, uint32_t pad)
{
	struct ring_rqe entry = {.off = off, .len = q->buffer_bytes, .pad = pad};
	size_t index = q->refills++ & (q->at.rq_entries - 1);
	memcpy(q->rq + q->at.rq_rqes + index * q->at.rqe_bytes, &entry, sizeof(entry));
	ring_store((void *)(q->rq + q->at.rq_tail), q->refills);
}

void raw_kick(struct raw_queue *q)
{
	ring_barrier();
	uint32_t kick = load(&raw_daemon(q)->kick);
	if (!kick || kick == q->kicked)
		return;
	q->kicked = kick;
	send(q->channel, "", 1, MSG_DONTWAIT | MSG_NOSIGNAL);
}

void raw_stream(struct raw_queue *q, uint32_t flow, uint64_t seed, uint64_t from, uint64_t bytes)
{
	uint64_t until = harness_now_ms() + WORLD_PATIENCE_MS;
	struct raw_data d;
	while (bytes > 0) {
		raw_kick(q);
		if (!raw_take(q, &d)) {
			if (harness_now_ms() > until)
				fail_msg("%ju bytes of a stream did not come", (uintmax_t)bytes);
			usleep(200);
			continue;
		}
		assert_int_equal(d.flow, flow);
		assert_true(d.bytes <= bytes);
		if (!harness_pattern_is(q->area + d.off, seed, from, d.bytes))
			fail_msg("wrong bytes after %ju", (uintmax_t)from);
		from += d.bytes;
		bytes -= d.bytes;
		raw_refill(q, d.off, 0);
	}
	raw_kick(q);
}

/* ---- the channel ---- */

void raw_event(const struct raw_queue *q, union msg_any *ret, int fds[MSG_FDS_MAX])
{
	uint32_t reason;
	size_t len;
	do
		len = receive(q->channel, ret, fds);
	while (len == 1);
	if (msg_check(ret, (uint32_t)len, ret->hdr.nfds, MSG_STATE_EVENT, &reason) < 0)
		fail_msg("no event: %zu bytes, type %u", len, ret->hdr.type);
}

int raw_closed(const struct raw_queue *q, uint32_t flow)
{
	union msg_any m;
	raw_event(q, &m, NULL);
	assert_int_equal(m.hdr.type, MSG_FLOW_CLOSED);
	assert_int_equal(m.flow_closed.flow_id, flow);
	assert_int_equal(m.flow_closed.queue_id, q->id);
	return m.flow_closed.error;
}

void raw_lost(const struct raw_queue *q)
{
	union msg_any m;
	size_t len;
	do
		len = receive(q->channel, &m, NULL);
	while (len > 0);
}
