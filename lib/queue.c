/* SPDX-License-Identifier: MIT */
#include "lib/queue.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/area.h"
#include "lib/request.h"
#include "lib/zcrx.h"
#include "proto/text.h"
#include "proto/wire.h"

#define X(NAME, ...) &&(int)ZCRX_BACKEND_##NAME == (int)MSG_BACKEND_##NAME
static_assert((int)ZCRX_BACKEND_AUTO == (int)MSG_BACKEND_AUTO BACKEND_TABLE(X) &&
		      ZCRX_QUEUE_NO_COPY == MSG_QUEUE_NO_COPY,
	      "the library's names for the protocol's numbers");
#undef X

/* The descriptors of the reply, in their order. */
enum {
	FD_CQ,
	FD_RQ,
	FD_CHANNEL,
	FD_SIDE /* only if there is a side buffer */
};

/* The sizes of the public structs in the first release. */
enum {
	OPTIONS_BYTES_MIN = offsetof(struct zcrx_queue_options, nic) + 16,
	INFO_BYTES_MIN = offsetof(struct zcrx_queue_info, why_not) + sizeof(char *),
};

/*
 * Copies the options of a caller who may be of another release. Fields that the caller's struct
 * lacks become 0; fields that this library does not know must be 0.
 */
static int options_copy(struct zcrx_queue_options *ret, const struct zcrx_queue_options *options)
{
	struct zcrx_queue_options o = {0};
	if (options->size < OPTIONS_BYTES_MIN)
		return -EINVAL;
	const char *bytes = (const char *)options;
	for (size_t i = sizeof(o); i < options->size; i++)
		if (bytes[i])
			return -E2BIG;
	memcpy(&o, options, options->size < sizeof(o) ? options->size : sizeof(o));
	if (strnlen(o.nic, sizeof(o.nic)) == sizeof(o.nic))
		return -EINVAL;
	*ret = o;
	return 0;
}

static int options_take(struct msg_queue_open *m, const struct zcrx_queue_options *options)
{
	struct zcrx_queue_options o = {0};
	int error = options ? options_copy(&o, options) : 0;
	m->backend = o.backend;
	m->flags = o.flags;
	m->cq_entries = o.cq_entries;
	m->rq_entries = o.rq_entries;
	m->buffer_bytes = o.buffer_bytes;
	m->rx_queues = o.rx_queues;
	memcpy(m->nic, o.nic, sizeof(m->nic));
	return error;
}

static void queue_end(const struct zcrx_queue *q)
{
	struct request r = {.fd = -1, .extra_ms = area_ms(q->area)};
	r.m.queue_close = (struct msg_queue_close){
		.hdr = REQUEST_HDR(queue_close, QUEUE_CLOSE),
		.queue_id = q->id,
	};
	request(q->z, &r);
}

/* Sets the queue up as the reply says. The descriptors of the reply are the queue's or closed. */
static int reply_take(struct zcrx_queue *q, struct request *r)
{
	const struct msg_queue_open_reply *m = &r->m.queue_open_reply;
	int error = -EPROTO;
	q->id = m->queue_id;
	q->backend = m->backend;
	q->ifindex = m->ifindex;
	q->rxq = m->rxq;
	memcpy(q->why_not, m->why_text, sizeof(q->why_not) - 1);
	text_clean(q->why_not, "");
	q->channel = r->fds[FD_CHANNEL];
	q->format = m->format;
	bool known =
		m->format == MSG_FORMAT_BUFFER_ID ||
		(m->format == MSG_FORMAT_ZCRX && m->rings.cqe_bytes >= sizeof(struct ring_cqe));
	if (known && m->buffer_bytes > 0 && m->buffer_bytes <= q->area->bytes) {
		q->buffer_bytes = m->buffer_bytes;
		q->buffers = q->area->bytes / m->buffer_bytes;
		error = rings_map(&q->rings, m, r->fds[FD_CQ], r->fds[FD_RQ], r->fds[FD_SIDE]);
	}
	wire_close(r->fds, FD_CHANNEL);
	wire_close(r->fds + FD_SIDE, m->rings.side_map_bytes != 0);
	return error;
}

static struct zcrx_queue *queue_alloc(struct zcrx *z, struct zcrx_area *a)
{
	struct zcrx_queue *q = calloc(1, sizeof(*q));
	if (!q)
		return NULL;
	q->z = z;
	q->area = a;
	q->channel = -1;
	flows_init(&q->flows);
	TAILQ_INSERT_TAIL(&z->queues, q, link);
	a->busy = true;
	return q;
}

void queue_release(struct zcrx_queue *q)
{
	flows_done(&q->flows);
	rings_unmap(&q->rings);
	if (q->channel >= 0)
		close(q->channel);
	TAILQ_REMOVE(&q->z->queues, q, link);
	q->area->busy = false;
	free(q);
}

int zcrx_queue_open(struct zcrx *z, struct zcrx_queue **ret, struct zcrx_area *a,
		    const struct zcrx_queue_options *options)
{
	struct request r = {.fd = -1, .nfds = FD_SIDE, .extra_ms = area_ms(a)};
	r.m.queue_open = (struct msg_queue_open){
		.hdr = REQUEST_HDR(queue_open, QUEUE_OPEN),
		.area_id = a->id,
	};
	int error = options_take(&r.m.queue_open, options);
	if (error && options->size == 0)
		return refuse(z, error,
			      "options.size is 0: set it to sizeof(struct zcrx_queue_options).");
	if (error)
		return refuse(z, error,
			      "The queue's options are wrong in size, or nic is not a name.");
	if (a->busy)
		return refuse(z, -EBUSY, "The area has a queue; an area serves one at a time.");
	struct zcrx_queue *q = queue_alloc(z, a);
	if (!q)
		return refuse(z, -ENOMEM, "Out of memory.");
	error = request(z, &r);
	if (error) {
		queue_release(q);
		return error;
	}
	error = reply_take(q, &r);
	if (error) {
		queue_end(q);
		queue_release(q);
		return refuse(z, error,
			      "The queue that zcrxd gave cannot be used (%m); "
			      "do its version and libzcrx's fit?");
	}
	*ret = q;
	return 0;
}

static uint64_t count(const uint64_t *counter)
{
	return __atomic_load_n(counter, __ATOMIC_RELAXED);
}

int zcrx_queue_info(const struct zcrx_queue *q, struct zcrx_queue_info *info)
{
	const struct ring_daemon *d = q->rings.daemon;
	size_t size = info->size;
	struct zcrx_queue_info i = {
		.size = size,
		.backend = q->backend,
		.buffer_bytes = q->buffer_bytes,
		.ifindex = q->ifindex,
		.rxq = q->rxq,
		.cq_entries = q->rings.cq_mask + 1,
		.rq_entries = q->rings.rq_mask + 1,
		.bytes = count(&d->bytes),
		.bytes_copied = count(&d->bytes_copied),
		.completions = count(&d->completions),
		.refills_refused = count(&d->refills_refused),
		.starvations = count(&d->starvations),
		.wakeups = count(&d->wakeups),
		.enters = count(&d->enters),
		.why_not = q->why_not,
		.why_lost = q->why_lost,
	};
	if (size < INFO_BYTES_MIN || size % _Alignof(struct zcrx_queue_info))
		return -EINVAL;
	if (size > sizeof(i))
		memset((char *)info + sizeof(i), 0, size - sizeof(i));
	memcpy(info, &i, size < sizeof(i) ? size : sizeof(i));
	return 0;
}

int zcrx_queue_fd(const struct zcrx_queue *q)
{
	return q->channel;
}

void zcrx_queue_close(struct zcrx_queue *q)
{
	if (!q)
		return;
	queue_end(q);
	queue_release(q);
}
