/* SPDX-License-Identifier: MIT */
/* The answering half. Its thread cannot fail a cmocka test, so it aborts. */
#include "tests/lib/fake.h"

#include <fcntl.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cmocka.h>

#include "proto/wire.h"

#define MUST(condition)                                                               \
	do {                                                                          \
		if (!(condition)) {                                                   \
			fprintf(stderr, "fake.c:%d: %s: %m\n", __LINE__, #condition); \
			abort();                                                      \
		}                                                                     \
	} while (0)

static const struct msg_rings layout = {
	.cq_map_bytes = 8192,
	.cq_tail = 0,
	.cq_cqes = 64,
	.cq_entries = FAKE_CQ_ENTRIES,
	.cqe_bytes = 16,
	.daemon_page = 4096,
	.rq_map_bytes = 8192,
	.client_page = 0,
	.rq_head = 4096,
	.rq_tail = 4096 + 4,
	.rq_rqes = 4096 + 64,
	.rq_entries = FAKE_RQ_ENTRIES,
	.rqe_bytes = 16,
};

static char *shared_new(int *ret_fd, uint32_t bytes)
{
	int fd = memfd_create("fake", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	MUST(fd >= 0 && ftruncate(fd, bytes) == 0);
	MUST(fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL) == 0);
	char *at = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	MUST(at != MAP_FAILED);
	*ret_fd = fd;
	return at;
}

static void queue_drop(struct fake *f)
{
	if (f->channel < 0)
		return;
	close(f->channel);
	f->channel = -1;
	munmap(f->cq, layout.cq_map_bytes);
	munmap(f->rq, layout.rq_map_bytes);
}

static void queue_make(struct fake *f, struct fake_reply *r)
{
	int pair[2];
	queue_drop(f);
	f->cq = shared_new(&r->fds[0], layout.cq_map_bytes);
	f->rq = shared_new(&r->fds[1], layout.rq_map_bytes);
	MUST(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) == 0);
	f->channel = pair[0];
	f->rq_head = 0;
	r->fds[2] = pair[1];
	r->m.hdr.nfds = 3;
	r->m.queue_open_reply.queue_id = FAKE_QUEUE_ID;
	r->m.queue_open_reply.backend = MSG_BACKEND_COPY;
	r->m.queue_open_reply.format = MSG_FORMAT_BUFFER_ID;
	r->m.queue_open_reply.buffer_bytes = FAKE_BUFFER_BYTES;
	r->m.queue_open_reply.rings = layout;
	strcpy(r->m.queue_open_reply.why_text, "The fake only copies.");
}

static void answer(struct fake *f, const union msg_any *request, struct fake_reply *r)
{
	static const struct msg_addr local = {.family = 4, .port = 80, .ip = {127, 0, 0, 1}};
	static const struct msg_addr remote = {.family = 6, .port = 81, .ip = {[15] = 1}};
	static const uint32_t bytes[] = {
		[MSG_HELLO] = sizeof(struct msg_hello_reply),
		[MSG_AREA_ADD] = sizeof(struct msg_area_add_reply),
		[MSG_AREA_DEL] = sizeof(struct msg_ok),
		[MSG_QUEUE_OPEN] = sizeof(struct msg_queue_open_reply),
		[MSG_QUEUE_CLOSE] = sizeof(struct msg_ok),
		[MSG_FLOW_ADOPT] = sizeof(struct msg_flow_reply),
		[MSG_FLOW_HOST] = sizeof(struct msg_flow_reply),
		[MSG_FLOW_PAUSE] = sizeof(struct msg_ok),
		[MSG_FLOW_CLOSE] = sizeof(struct msg_ok),
	};
	uint16_t type = request->hdr.type;
	r->m.hdr = (struct msg_hdr){
		.size = bytes[type],
		.type = type,
		.serial = request->hdr.serial,
	};
	switch (type) {
	case MSG_HELLO:
		r->m.hello_reply.version = MSG_VERSION;
		r->m.hello_reply.page_bytes = 4096;
		r->m.hello_reply.max_area_bytes = 1 << 30;
		break;
	case MSG_AREA_ADD:
		r->m.area_add_reply.area_id = FAKE_AREA_ID;
		if (request->area_add.kind == MSG_AREA_UDMABUF) {
			r->fds[0] = open("/dev/null", O_RDWR | O_CLOEXEC);
			r->m.hdr.nfds = 1;
		}
		break;
	case MSG_QUEUE_OPEN:
		queue_make(f, r);
		break;
	case MSG_FLOW_ADOPT:
	case MSG_FLOW_HOST:
		r->m.flow_reply.flow_id = f->next_flow++;
		r->m.flow_reply.local = local;
		r->m.flow_reply.remote = remote;
		break;
	default:
		break;
	}
}

/* ---- the thread ---- */

/* Answers one request. False: the client is gone, or told to be. */
static bool serve_one(struct fake *f, int client)
{
	union msg_any request;
	int fds[MSG_FDS_MAX];
	uint32_t nfds, reason;
	struct fake_reply r = {.fds = {-1, -1, -1, -1}};
	int len = wire_recv(client, &request, fds, &nfds, 0);
	if (len <= 0)
		return false;
	struct stat st = {0};
	if (nfds == 1)
		fstat(fds[0], &st);
	wire_close(fds, nfds);
	enum msg_state state = request.hdr.type == MSG_HELLO ? MSG_STATE_NEW : MSG_STATE_READY;
	MUST(msg_check(&request, (uint32_t)len, nfds, state, &reason) == 0);

	pthread_mutex_lock(&f->lock);
	f->requests[request.hdr.type]++;
	f->last = request;
	if (request.hdr.type == MSG_AREA_ADD)
		f->filled = (uint64_t)st.st_blocks * 512;
	answer(f, &request, &r);
	if (f->change)
		f->change(&request, &r, f->data);
	pthread_mutex_unlock(&f->lock);
	if (!r.withhold)
		wire_send(client, &r.m.hdr, r.fds, 0);
	for (int i = 0; i < (int)MSG_FDS_MAX; i++)
		if (r.fds[i] >= 0)
			close(r.fds[i]);
	return !r.hang_up;
}

/* Refuses the connection before its HELLO was read. False: connections are served. */
static bool turn_away(struct fake *f, int client)
{
	struct pollfd fd = {.fd = client, .events = POLLIN};
	if (!f->turns_away)
		return false;
	union msg_any m = {.fail = *f->turns_away};
	m.hdr.size = sizeof(m.fail);
	m.hdr.type = MSG_HELLO;
	m.hdr.serial = 1;
	if (f->waits)
		MUST(poll(&fd, 1, -1) == 1);
	pthread_mutex_lock(&f->lock);
	f->turned_away++;
	pthread_mutex_unlock(&f->lock);
	MUST(wire_send(client, &m.hdr, NULL, 0) == 0);
	return true;
}

static void *serve(void *arg)
{
	struct fake *f = arg;
	int client;
	while ((client = accept4(f->listener, NULL, NULL, SOCK_CLOEXEC)) >= 0) {
		pthread_mutex_lock(&f->lock);
		f->client = client;
		pthread_mutex_unlock(&f->lock);
		while (!turn_away(f, client) && serve_one(f, client))
			;
		pthread_mutex_lock(&f->lock);
		f->client = -1;
		pthread_mutex_unlock(&f->lock);
		close(client);
	}
	return NULL;
}

void fake_start(struct fake *f)
{
	struct sockaddr_un at = {.sun_family = AF_UNIX};
	*f = (struct fake){
		.dir = "/tmp/zcrx-fake-XXXXXX",
		.lock = PTHREAD_MUTEX_INITIALIZER,
		.client = -1,
		.channel = -1,
		.next_flow = FAKE_FIRST_FLOW,
	};
	assert_non_null(mkdtemp(f->dir));
	snprintf(f->path, sizeof(f->path), "%s/sock", f->dir);
	memcpy(at.sun_path, f->path, sizeof(f->path));
	f->listener = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
	assert_int_equal(bind(f->listener, (struct sockaddr *)&at, sizeof(at)), 0);
	assert_int_equal(listen(f->listener, 8), 0);
	assert_int_equal(pthread_create(&f->thread, NULL, serve, f), 0);
}

void fake_stop(struct fake *f)
{
	fake_die(f);
	shutdown(f->listener, SHUT_RDWR);
	assert_int_equal(pthread_join(f->thread, NULL), 0);
	close(f->listener);
	queue_drop(f);
	unlink(f->path);
	rmdir(f->dir);
}

void fake_die(struct fake *f)
{
	pthread_mutex_lock(&f->lock);
	if (f->client >= 0)
		shutdown(f->client, SHUT_RDWR);
	queue_drop(f);
	pthread_mutex_unlock(&f->lock);
}

bool fake_has_client(struct fake *f)
{
	pthread_mutex_lock(&f->lock);
	bool has = f->client >= 0;
	pthread_mutex_unlock(&f->lock);
	return has;
}

int fake_requests(struct fake *f, enum msg_type type)
{
	pthread_mutex_lock(&f->lock);
	int n = f->requests[type];
	pthread_mutex_unlock(&f->lock);
	return n;
}

union msg_any fake_last_request(struct fake *f)
{
	pthread_mutex_lock(&f->lock);
	union msg_any last = f->last;
	pthread_mutex_unlock(&f->lock);
	return last;
}

struct msg_rings fake_layout(void)
{
	return layout;
}
