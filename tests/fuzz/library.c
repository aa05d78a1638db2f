// SPDX-License-Identifier: MIT
/*
 * libzcrx against a daemon that keeps no rule: answers changed anywhere, rings, side buffer and
 * daemon page written at random, any event. An input is what is changed in the answers, then
 * operations, the daemon's and the user's.
 *
 * Besides not crashing or hanging: data lies in the area or in the side buffer, and when all is
 * closed nothing is left. The daemon's end is a thread that answers; its hands are the target's
 * own.
 */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "lib/area.h"
#include "lib/queue.h"
#include "proto/msg.h"
#include "proto/ring.h"
#include "proto/wire.h"
#include "tests/fuzz/fuzz.h"
#include "tests/fuzz/left.h"
#include "tests/harness/fds.h"
#include <zcrx.h>

/* What comes next; make-corpus.py reads these names. */
enum op {
	OP_CQE,
	OP_CQ_WORD,
	OP_TAIL,
	OP_RQ_WORD,
	OP_DAEMON_WORD,
	OP_EVENT,
	OP_CHANNEL_END,
	OP_REAP,
	OP_RECYCLE,
	OP_WAIT,
	OP_ADOPT,
	OP_FLOW_CLOSE,
	OP_INFO,
	OP_COUNT
};

enum {
	OPS_MAX = 64,
	CHANGES_MAX = 8,
	ENTRIES = 64,
	BUFFER_BYTES = 4096,
	AREA_BYTES = 16 * BUFFER_BYTES,
	SIDE_SLOT = 4096,
	SIDE_BYTES = 4 * SIDE_SLOT,
	MAP_BYTES = 8192, /* of the cq and of the rq file */
	FIRST_FLOW = 0x10001,
	HELD_MAX = 64,
	FLOWS_MAX = 8
};

/* In an answer. */
struct change {
	uint8_t type, word;
	uint32_t value;
};

/* The daemon's files, in the order of the reply to QUEUE_OPEN. */
enum {
	FILE_CQ,
	FILE_RQ,
	FILE_CHANNEL,
	FILE_SIDE,
	FILES
};

struct lying_daemon {
	pthread_t thread;
	int listener;
	struct change changes[CHANGES_MAX];
	uint32_t n_changes;
	bool zcrx; /* completions of format 2, and a side buffer */
	int files[FILES];
	int channel; /* its end */
	char *cq, *rq;
	uint32_t next_flow;
};

struct user {
	struct zcrx *z;
	struct zcrx_area *area;
	struct zcrx_queue *q;
	struct zcrx_flow *flows[FLOWS_MAX];
	uint32_t n_flows;
	struct zcrx_completion held[HELD_MAX];
	int n_held;
};

static struct sockaddr_un at = {.sun_family = AF_UNIX};

/* ---- the daemon's thread ---- */

static const struct msg_rings layout = {
	.cq_map_bytes = MAP_BYTES,
	.cq_cqes = 128,
	.cq_entries = ENTRIES,
	.cqe_bytes = 32,
	.daemon_page = 4096,
	.rq_map_bytes = MAP_BYTES,
	.rq_head = 4096,
	.rq_tail = 4100,
	.rq_rqes = 4160,
	.rq_entries = ENTRIES,
	.rqe_bytes = 16,
};

static uint32_t queue_answer(const struct lying_daemon *d, struct msg_queue_open_reply *m)
{
	m->queue_id = 1;
	m->backend = d->zcrx ? MSG_BACKEND_DEVMEM : MSG_BACKEND_COPY;
	m->format = d->zcrx ? MSG_FORMAT_ZCRX : MSG_FORMAT_BUFFER_ID;
	m->buffer_bytes = BUFFER_BYTES;
	m->rings = layout;
	m->hdr.nfds = FILE_SIDE;
	if (d->zcrx) {
		m->rings.side_map_bytes = SIDE_BYTES;
		m->rings.side_slot_bytes = SIDE_SLOT;
		m->hdr.nfds = FILES;
	}
	return sizeof(*m);
}

/* A good answer; returns its length. */
static uint32_t answer(struct lying_daemon *d, uint16_t type, union msg_any *m)
{
	switch (type) {
	case MSG_HELLO:
		m->hello_reply.version = MSG_VERSION;
		m->hello_reply.page_bytes = (uint32_t)sysconf(_SC_PAGESIZE);
		return sizeof(m->hello_reply);
	case MSG_AREA_ADD:
		m->area_add_reply.area_id = 1;
		return sizeof(m->area_add_reply);
	case MSG_QUEUE_OPEN:
		return queue_answer(d, &m->queue_open_reply);
	case MSG_FLOW_ADOPT:
	case MSG_FLOW_HOST:
		m->flow_reply.flow_id = d->next_flow++;
		return sizeof(m->flow_reply);
	default:
		return sizeof(m->hdr);
	}
}

static bool lie(struct lying_daemon *d, int sock, const struct msg_hdr *request)
{
	union msg_any m = {0};
	uint32_t bytes = answer(d, request->type, &m);
	m.hdr.size = bytes;
	m.hdr.type = request->type;
	m.hdr.serial = request->serial;
	for (uint32_t i = 0; i < d->n_changes; i++)
		if (d->changes[i].type == request->type)
			memcpy((char *)&m + d->changes[i].word % (bytes / 4) * 4,
			       &d->changes[i].value, 4);
	/* The message has the size and the descriptors that its header says, if those can be sent.
	 */
	if (m.hdr.size > sizeof(m) || m.hdr.size == 0 || m.hdr.nfds > FILES)
		return false;
	return wire_send(sock, &m.hdr, d->files, MSG_DONTWAIT) == 0;
}

static void *serve(void *arg)
{
	struct lying_daemon *d = arg;
	int sock = accept4(d->listener, NULL, NULL, SOCK_CLOEXEC), fds[MSG_FDS_MAX];
	union msg_any m;
	uint32_t nfds = 0;
	bool on = true;
	unlink(at.sun_path); /* who connects again after a reset finds nobody, and ends at once */
	while (on && wire_recv(sock, &m, fds, &nfds, 0) > 0) {
		wire_close(fds, nfds);
		on = lie(d, sock, &m.hdr);
	}
	close(sock);
	return NULL;
}

static int file_new(uint32_t bytes, char **ret_map)
{
	int fd = memfd_create("fuzz", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	MUST(fd >= 0 && ftruncate(fd, bytes) == 0);
	MUST(fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK) == 0);
	if (ret_map)
		*ret_map = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	return fd;
}

static void daemon_start(struct lying_daemon *d, struct input *in)
{
	int pair[2];
	uint8_t bits = input_u8(in);
	*d = (struct lying_daemon){.zcrx = bits & 1, .next_flow = FIRST_FLOW};
	for (d->n_changes = 0; d->n_changes < (bits >> 1) % (CHANGES_MAX + 1); d->n_changes++)
		d->changes[d->n_changes] =
			(struct change){input_u8(in), input_u8(in), input_u32(in)};
	MUST(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) == 0);
	d->channel = pair[0];
	d->files[FILE_CQ] = file_new(MAP_BYTES, &d->cq);
	d->files[FILE_RQ] = file_new(MAP_BYTES, &d->rq);
	d->files[FILE_CHANNEL] = pair[1];
	d->files[FILE_SIDE] = file_new(SIDE_BYTES, NULL);
	d->listener = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
	MUST(bind(d->listener, (struct sockaddr *)&at, sizeof(at)) == 0);
	MUST(listen(d->listener, 1) == 0);
	MUST(pthread_create(&d->thread, NULL, serve, d) == 0);
}

static void daemon_end(struct lying_daemon *d)
{
	shutdown(d->listener, SHUT_RDWR);
	pthread_join(d->thread, NULL);
	munmap(d->cq, MAP_BYTES);
	munmap(d->rq, MAP_BYTES);
	wire_close(d->files, FILES);
	wire_close(&d->channel, 1);
	close(d->listener);
}

/* ---- the daemon's hands ---- */

static void word_set(char *map, uint32_t at_byte, uint32_t value)
{
	ring_store((uint32_t *)(void *)(map + at_byte / 4 * 4 % MAP_BYTES), value);
}

static void cqe_add(struct lying_daemon *d, struct input *in)
{
	struct ring_cqe e = {.user_data = FIRST_FLOW + input_u8(in) % FLOWS_MAX};
	e.res = (int16_t)input_u16(in);
	e.flags = input_u32(in);
	e.off = (uint64_t)input_u8(in) << 48 | input_u32(in);
	uint32_t tail = ring_load((uint32_t *)(void *)d->cq);
	memcpy(d->cq + layout.cq_cqes + (size_t)(tail % ENTRIES) * sizeof(e), &e, sizeof(e));
	word_set(d->cq, 0, tail + 1);
}

/* Announced or not, as long as it should be or not. */
static void event_send(struct lying_daemon *d, struct input *in)
{
	static const uint16_t types[] = {MSG_FLOW_OPENED, MSG_FLOW_CLOSED, MSG_QUEUE_LOST, 90};
	static const uint32_t sizes[] = {sizeof(struct msg_flow_opened),
					 sizeof(struct msg_flow_closed),
					 sizeof(struct msg_queue_lost), 24};
	union msg_any m = {0};
	uint8_t bits = input_u8(in), words[64] = {0};
	uint32_t bytes = sizes[bits % 4];
	input_bytes(in, words, input_u8(in) % sizeof(words));
	memcpy((char *)&m + sizeof(m.hdr), words,
	       bytes - sizeof(m.hdr) < sizeof(words) ? bytes - sizeof(m.hdr) : sizeof(words));
	m.hdr = (struct msg_hdr){.size = bytes, .type = types[bits % 4], .nfds = bits >> 2 & 1};
	struct ring_daemon *page = (void *)(d->cq + layout.daemon_page);
	if (!(bits & 64))
		ring_store(&page->events, ring_load(&page->events) + 1);
	if (d->channel < 0)
		return;
	if (bits & 128)
		send(d->channel, &m, input_u8(in), MSG_DONTWAIT | MSG_NOSIGNAL);
	else
		wire_send(d->channel, &m.hdr, &d->files[FILE_SIDE], MSG_DONTWAIT);
}

static void daemon_step(struct lying_daemon *d, struct input *in, enum op op)
{
	uint32_t where;
	switch ((int)op) {
	case OP_CQE:
		return cqe_add(d, in);
	case OP_TAIL:
		return word_set(d->cq, 0, input_u32(in));
	case OP_CQ_WORD:
		where = input_u16(in);
		return word_set(d->cq, where, input_u32(in));
	case OP_RQ_WORD:
		where = input_u16(in);
		return word_set(d->rq, where, input_u32(in));
	case OP_DAEMON_WORD:
		where = input_u8(in) % sizeof(struct ring_daemon);
		return word_set(d->cq, layout.daemon_page + where, input_u32(in));
	case OP_EVENT:
		return event_send(d, in);
	case OP_CHANNEL_END:
		return wire_close(&d->channel, 1);
	default:
		return;
	}
}

/* ---- the user ---- */

static void data_check(const struct user *u, const struct zcrx_completion *c)
{
	const struct side *side = &u->q->rings.side;
	uint64_t bytes = c->flags & ZCRX_SIDE ? side->bytes : zcrx_area_bytes(u->area);
	const volatile char *data = zcrx_data(u->q, c);
	char sum = 0;
	MUST(c->len > 0 && c->off < bytes && c->len <= bytes - c->off && data);
	for (uint32_t i = 0; i < c->len; i += 512)
		sum = (char)(sum + data[i]);
	(void)(sum + data[c->len - 1]);
}

static void reap(struct user *u, int most)
{
	if (most > HELD_MAX - u->n_held)
		most = HELD_MAX - u->n_held;
	struct zcrx_completion *got = &u->held[u->n_held];
	int n = zcrx_reap(u->q, got, most);
	MUST(n >= 0 && (n <= most || n == 0));
	for (int i = 0; i < n; i++) {
		MUST(got[i].what >= ZCRX_DATA && got[i].what <= ZCRX_LOST);
		if (got[i].what == ZCRX_DATA)
			data_check(u, &got[i]);
		if (got[i].what == ZCRX_OPEN && u->n_flows < FLOWS_MAX)
			u->flows[u->n_flows++] = got[i].flow;
	}
	u->n_held += n;
}

static void adopt(struct user *u, unsigned flags)
{
	int sock = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (u->n_flows < FLOWS_MAX &&
	    zcrx_flow_adopt(u->q, &u->flows[u->n_flows], sock, flags & ZCRX_FLOW_LISTEN, u) == 0)
		u->n_flows++;
	close(sock);
}

static void flow_end(struct user *u, uint8_t number)
{
	if (u->n_flows == 0)
		return;
	struct zcrx_flow **f = &u->flows[number % u->n_flows];
	zcrx_flow_close(*f, number & 1 ? ZCRX_CLOSE_ABORT : 0);
	*f = u->flows[--u->n_flows];
}

static void info(const struct user *u)
{
	struct zcrx_queue_info i = {.size = sizeof(i)};
	MUST(zcrx_queue_info(u->q, &i) == 0 && memchr(i.why_not, '\0', MSG_TEXT_BYTES) &&
	     memchr(i.why_lost, '\0', MSG_TEXT_BYTES));
}

static void user_step(struct user *u, struct input *in, enum op op)
{
	switch ((int)op) {
	case OP_REAP:
		return reap(u, input_u8(in));
	case OP_RECYCLE:
		zcrx_recycle(u->q, u->held, u->n_held);
		u->n_held = 0;
		return;
	case OP_WAIT:
		zcrx_wait(u->q, 0);
		return;
	case OP_ADOPT:
		return adopt(u, input_u8(in));
	case OP_FLOW_CLOSE:
		return flow_end(u, input_u8(in));
	default:
		return info(u);
	}
}

static void steps(struct user *u, struct lying_daemon *d, struct input *in)
{
	for (int n = 0; n < OPS_MAX && in->left > 0; n++) {
		enum op op = input_u8(in) % OP_COUNT;
		if (op < OP_REAP)
			daemon_step(d, in, op);
		else
			user_step(u, in, op);
	}
}

static void prepare(void)
{
	if (!at.sun_path[0])
		snprintf(at.sun_path, sizeof(at.sun_path), "/tmp/zcrx-fuzz-%d", (int)getpid());
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct input in = {data, size};
	struct lying_daemon d;
	struct user u = {0};
	prepare();
	int files = fds_open();
	daemon_start(&d, &in);
	if (zcrx_connect(&u.z, at.sun_path) == 0 &&
	    zcrx_area_new(u.z, &u.area, AREA_BYTES, 0) == 0 &&
	    zcrx_queue_open(u.z, &u.q, u.area, NULL) == 0)
		steps(&u, &d, &in);
	zcrx_close(u.z);
	daemon_end(&d);
	left_unmapped();
	MUST(fds_open() == files);
	return 0;
}
