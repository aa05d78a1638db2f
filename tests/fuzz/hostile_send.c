// SPDX-License-Identifier: MIT
/*
 * The control socket. Whatever is sent, the daemon owes exactly one answer, in order: of the same
 * type and serial, or a refusal with a reason and a sentence.
 */
#include <errno.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "proto/reason.h"
#include "proto/wire.h"
#include "tests/fuzz/hostile.h"
#include "tests/harness/fds.h"

/* ---- answers ---- */

static void granted(struct hostile *h, const union msg_any *m, int *fds)
{
	switch (m->hdr.type) {
	case MSG_AREA_ADD:
		list_add(&h->areas, m->area_add_reply.area_id);
		break;
	case MSG_QUEUE_OPEN:
		list_add(&h->queues, m->queue_open_reply.queue_id);
		view_add(h, &m->queue_open_reply, fds);
		fds[0] = fds[1] = fds[2] = -1;
		break;
	case MSG_FLOW_ADOPT:
	case MSG_FLOW_HOST:
		MUST(m->flow_reply.flow_id != 0);
		list_add(&h->flows, m->flow_reply.flow_id);
		if (m->hdr.nfds > 0 && fd_keep(h, fds[0]) >= 0)
			list_add(m->flow_reply.remote.family ? &h->socks : &h->listeners,
				 (uint32_t)fds[0]);
		fds[0] = -1;
		break;
	default:
		break;
	}
}

static void refused(const union msg_any *m, uint32_t len)
{
	const struct msg_fail *f = &m->fail;
	MUST(len == sizeof(*f) && f->hdr.error < 0 && f->hdr.nfds == 0);
	MUST(reason_error(f->reason) < 0);
	MUST(f->text[0] && memchr(f->text, '\0', sizeof(f->text)));
}

static void answer_take(struct hostile *h, struct unanswered u)
{
	union msg_any m;
	int fds[MSG_FDS_MAX] = {-1, -1, -1, -1};
	uint32_t nfds = 0;
	int len = wire_recv(h->control, &m, fds, &nfds, MSG_DONTWAIT);
	MUST(len >= (int)sizeof(m.hdr) && m.hdr.size == (uint32_t)len && m.hdr.nfds == nfds);
	MUST(m.hdr.type == u.type && m.hdr.serial == u.serial);
	if (m.hdr.error) {
		refused(&m, (uint32_t)len);
	} else {
		MUST(msg_check_reply(&m, (uint32_t)len, nfds, u.type, u.serial) == 0);
		granted(h, &m, fds);
	}
	wire_close(fds, nfds);
}

short owed_wait(int fd)
{
	struct pollfd p = {.fd = fd, .events = POLLIN};
	int ready;
	do /* libFuzzer's timer interrupts */
		ready = poll(&p, 1, PATIENCE_MS);
	while (ready < 0 && errno == EINTR);
	MUST(ready == 1);
	return p.revents;
}

static bool answer_ready(const struct hostile *h)
{
	return !h->over && owed_wait(h->control) & POLLIN;
}

void answers(struct hostile *h)
{
	for (; h->owed > 0 && answer_ready(h); h->owed--)
		answer_take(h, h->unanswered[h->first++ % UNANSWERED]);
}

void datagram(struct hostile *h, const void *bytes, size_t len, const int *fds, uint32_t nfds)
{
	struct msg_hdr hdr = {0};
	if (h->owed == UNANSWERED)
		answers(h);
	bool sent = fds_send(h->control, bytes, len, fds, nfds, MSG_DONTWAIT) == 0;
	if (len == 0)
		h->over = true;
	if (!sent || h->over)
		return;
	if (len >= sizeof(hdr) && len <= MSG_BYTES_MAX && nfds <= MSG_FDS_MAX)
		memcpy(&hdr, bytes, sizeof(hdr));
	h->unanswered[(h->first + h->owed++) % UNANSWERED] =
		(struct unanswered){hdr.type, hdr.serial};
}

/* ---- requests ---- */

/* What the input says about a request. */
struct wish {
	uint8_t type, flags, object, value;
};

enum {
	WISH_HURRY = 1, /* do not wait for the answer */
	WISH_FDS = 2,   /* others than the request has */
	WISH_GROWN = 4,
	WISH_UNKNOWN_FIELD = 8,
	WISH_CHANGES_SHIFT = 4, /* two bits: how many words to overwrite */
	WISH_CHANGES = 3,
	TYPES = MSG_FLOW_CLOSE + 3, /* two of them unknown */
	PAGES_MAX = 64,
};

static size_t fill_host(struct hostile *h, struct msg_flow_host *m, uint32_t queue, uint8_t value)
{
	bool listen = value & MSG_FLOW_LISTEN;
	m->queue_id = queue;
	m->flags = value & (MSG_FLOW_LISTEN | MSG_FLOW_RECEIVE_ONLY);
	m->backlog = input_u8(h->in);
	m->timeout_ms = input_u8(h->in);
	(listen ? &m->local : &m->remote)->family = value & 4 ? 6 : 4;
	if (value & 8)
		m->local.family = 4;
	m->remote.port = value >> 4;
	return sizeof(*m);
}

static size_t fill_queue(struct hostile *h, struct msg_queue_open *m, uint32_t area, uint8_t value)
{
	m->area_id = area;
	m->backend = value & 3;
	m->flags = value >> 7;
	m->cq_entries = input_u16(h->in);
	m->rq_entries = input_u16(h->in);
	m->buffer_bytes = input_u16(h->in);
	return sizeof(*m);
}

static size_t fill_area(struct hostile *h, struct msg_area_add *m, uint32_t pages, int *fd)
{
	*fd = fd_of_kind(h, KIND_AREA, pages);
	m->kind = MSG_AREA_MEMFD;
	m->length = h->area_bytes;
	m->hdr.nfds = 1;
	return sizeof(*m);
}

static size_t fill_adopt(struct hostile *h, struct msg_flow_adopt *m, uint8_t value, int *fd)
{
	*fd = fd_of_kind(h, value & MSG_FLOW_LISTEN ? KIND_LISTENER : KIND_CONNECTED, 1);
	m->flags = value;
	m->hdr.nfds = 1;
	return sizeof(*m);
}

/* Returns the message's length; *fd is the descriptor to go with it. */
static size_t fill(struct hostile *h, union msg_any *m, struct wish w, int *fd)
{
	uint32_t queue = list_pick(&h->queues, w.object, 1);
	uint32_t flow = list_pick(&h->flows, w.object, 1);
	uint32_t area = list_pick(&h->areas, w.object, 1);
	switch (w.type) {
	case MSG_HELLO:
		m->hello.version_min = w.value;
		m->hello.version_max = MSG_VERSION;
		input_bytes(h->in, m->hello.name, w.object % sizeof(m->hello.name));
		return sizeof(m->hello);
	case MSG_AREA_ADD:
		return fill_area(h, &m->area_add, w.value % PAGES_MAX, fd);
	case MSG_AREA_DEL:
		m->area_del.area_id = area;
		return sizeof(m->area_del);
	case MSG_QUEUE_OPEN:
		return fill_queue(h, &m->queue_open, area, w.value);
	case MSG_QUEUE_CLOSE:
		m->queue_close.queue_id = queue;
		return sizeof(m->queue_close);
	case MSG_FLOW_ADOPT:
		m->flow_adopt.queue_id = queue;
		return fill_adopt(h, &m->flow_adopt, w.value, fd);
	case MSG_FLOW_HOST:
		return fill_host(h, &m->flow_host, queue, w.value);
	case MSG_FLOW_PAUSE:
		m->flow_pause.flow_id = flow;
		m->flow_pause.on = w.value;
		return sizeof(m->flow_pause);
	case MSG_FLOW_CLOSE:
		m->flow_close.flow_id = flow;
		m->flow_close.flags = w.value;
		return sizeof(m->flow_close);
	default:
		return sizeof(m->hdr);
	}
}

static uint32_t fds_choose(struct hostile *h, int fds[FDS_SENT])
{
	uint32_t nfds = input_u8(h->in) % (FDS_SENT + 1);
	for (uint32_t i = 0; i < nfds; i++)
		fds[i] = fd_of_kind(h, input_u8(h->in), 1);
	return nfds;
}

static void send_all(struct hostile *h, union msg_any *m, size_t len, const int *fds, uint32_t nfds)
{
	if (m->hdr.type == MSG_FLOW_HOST)
		host_confine(&m->flow_host);
	if (m->hdr.type == MSG_QUEUE_CLOSE)
		view_ends(h, m->queue_close.queue_id);
	datagram(h, m, len, fds, nfds);
}

void request(struct hostile *h)
{
	struct wish w = {.type = input_u8(h->in) % TYPES,
			 .flags = input_u8(h->in),
			 .object = input_u8(h->in),
			 .value = input_u8(h->in)};
	union msg_any m = {0};
	int fds[FDS_SENT] = {0};
	size_t len = fill(h, &m, w, &fds[0]);
	if (w.flags & (WISH_GROWN | WISH_UNKNOWN_FIELD))
		len += 8;
	if (w.flags & WISH_UNKNOWN_FIELD)
		m.words[len / 8 - 1] = 1;
	m.hdr.size = (uint32_t)len;
	m.hdr.type = w.type;
	m.hdr.serial = ++h->serial;
	uint32_t nfds = m.hdr.nfds;
	if (w.flags & WISH_FDS) {
		nfds = fds_choose(h, fds);
		m.hdr.nfds = (uint16_t)nfds;
	}
	for (int n = w.flags >> WISH_CHANGES_SHIFT & WISH_CHANGES; n > 0; n--) {
		uint32_t word = input_u8(h->in) % (uint32_t)(len / 4), value = input_u32(h->in);
		memcpy((char *)&m + word * 4, &value, sizeof(value));
	}
	send_all(h, &m, len, fds, nfds);
	if (!(w.flags & WISH_HURRY))
		answers(h);
}

void raw(struct hostile *h)
{
	union {
		union msg_any m;
		char bytes[BYTES_SENT];
	} datagram = {0};
	int fds[FDS_SENT];
	uint32_t nfds = fds_choose(h, fds);
	size_t len = input_u16(h->in) % (BYTES_SENT + 1);
	input_bytes(h->in, datagram.bytes, len);
	send_all(h, &datagram.m, len, fds, nfds);
	answers(h);
}
