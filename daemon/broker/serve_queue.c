/* SPDX-License-Identifier: MIT */
/* Queues of a lease are registered on the pump's ring, or bound to its dma-buf, by a hand. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/fd.h"
#include "daemon/broker/errand.h"
#include "daemon/broker/pump.h"
#include "daemon/broker/serve.h"
#include "daemon/broker/serve_lease.h"
#include "daemon/grant/classes.h"
#include "daemon/grant/kernel.h"

/* A NIC that is restarted for it takes seconds. */
#define DEADLINE_MS 60000

static void begun(struct errand *e)
{
	serve_lease_begun(e->pump, e->held, hand_pid(e->hand));
}

/* A hand that was late or has died may have registered the queues, or may do so still. */
static int over(struct errand *e, const struct hand_reply *r, char text[LINK_TEXT_BYTES])
{
	bool given_up = r->fault == HAND_LATE || r->fault == HAND_DIED;
	serve_lease_registered(e->pump, e->held, given_up && e->hand);
	if (r->error == -EDQUOT && *e->why)
		memcpy(text, e->why, sizeof(e->why));
	else if (r->fault != HAND_KERNEL)
		hand_sentence(r, text, LINK_TEXT_BYTES);
	return r->error;
}

static int zcrx_done(struct errand *e, const struct hand_reply *r, int *fd, struct served *s)
{
	struct link_zcrx_reply *ret = &s->reply.re_ZCRX;
	(void)fd;
	int error = over(e, r, ret->text);
	if (error == 0) {
		ret->id = r->zcrx.id;
		ret->head = r->zcrx.head;
		ret->tail = r->zcrx.tail;
		ret->rqes = r->zcrx.rqes;
		ret->token = r->zcrx.token;
	}
	return error;
}

static int devmem_done(struct errand *e, const struct hand_reply *r, int *fd, struct served *s)
{
	struct link_devmem_reply *ret = &s->reply.re_DEVMEM;
	int error = over(e, r, ret->text);
	if (error == 0 && *fd < 0)
		error = -EBADF;
	if (error == 0) {
		ret->id = r->devmem.id;
		s->fds[0] = fd_steal(fd);
		s->nfds = 1;
	}
	return error;
}

static const struct errand_kind zcrx_kind = {.deadline_ms = DEADLINE_MS,
					     .gives = true,
					     .takes = true,
					     .begun = begun,
					     .shown = errand_charge,
					     .done = zcrx_done};
static const struct errand_kind devmem_kind = {.deadline_ms = DEADLINE_MS,
					       .gives = true,
					       .begun = begun,
					       .done = devmem_done};

static int judge(const struct pump *p, uint32_t backend, char *ret_why)
{
	struct classes *classes;
	int r = serve_lease_judge(pump_class(p, &classes), backend, ret_why);
	classes_put(classes);
	const char *refused = backend == MSG_BACKEND_ZCRX ? kernel_refuses_zcrx() : NULL;
	if (r < 0 || !refused)
		return r;
	snprintf(ret_why, LINK_TEXT_BYTES, "%s", refused);
	return -EACCES;
}

static int start(struct pump *p, const struct msg_hdr *request, const struct errand *wish)
{
	int r = errand_start(p, request, wish);
	if (r < 0)
		serve_lease_registered(p, wish->held, false);
	return r;
}

/* The kernel pins the two memories: they are charged before, if they are not charged yet. */
int on_zcrx(struct pump *p, const struct link_zcrx *m, struct served *s)
{
	struct lease_place at = {0};
	struct errand e = {.kind = &zcrx_kind, .bytes = {0, m->area_bytes}};
	if (__builtin_add_overflow(m->rq_offset, m->rq_bytes, &e.bytes[0]))
		return -EINVAL;
	int r = judge(p, MSG_BACKEND_ZCRX, s->reply.re_ZCRX.text);
	if (r == 0)
		r = serve_lease_register(p, m->lease, &at, s->reply.re_ZCRX.text);
	if (r < 0)
		return r;
	e.held = at.held;
	e.job = (struct hand_job){.kind = HAND_ZCRX,
				  .zcrx = {.ring = m->ring,
					   .ifindex = at.ifindex,
					   .rxq = at.rxqs[0],
					   .rq_entries = m->rq_entries,
					   .chunk_bytes = m->chunk_bytes,
					   .refills_offset = m->rq_offset,
					   .refills_bytes = m->rq_bytes,
					   .area_bytes = m->area_bytes,
					   .event_data = m->event_data,
					   .stats_offset = m->stats_offset,
					   .is_dmabuf = m->dmabuf,
					   .events = m->events}};
	return start(p, &m->hdr, &e);
}

static_assert(LINK_RXQS_MAX <= HAND_RXQS_MAX, "a hand binds all queues of a lease");

int on_devmem(struct pump *p, const struct link_devmem *m, struct served *s)
{
	struct lease_place at = {0};
	struct errand e = {.kind = &devmem_kind, .job = {.kind = HAND_DEVMEM}};
	int r = judge(p, MSG_BACKEND_DEVMEM, s->reply.re_DEVMEM.text);
	if (r == 0)
		r = serve_lease_register(p, m->lease, &at, s->reply.re_DEVMEM.text);
	if (r < 0)
		return r;
	e.held = at.held;
	e.job.devmem = (struct hand_devmem){.ifindex = at.ifindex, .n = at.n};
	memcpy(e.job.devmem.rxqs, at.rxqs, at.n * sizeof(at.rxqs[0]));
	return start(p, &m->hdr, &e);
}
