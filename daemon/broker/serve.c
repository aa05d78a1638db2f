/* SPDX-License-Identifier: MIT */
#include "daemon/broker/serve.h"

#include <errno.h>
#include <string.h>

#include "base/clock.h"
#include "base/fd.h"
#include "daemon/broker/errand.h"
#include "daemon/grant/classes.h"
#include "daemon/grant/files.h"
#include "daemon/grant/log_client.h"
#include "daemon/grant/rates.h"
#include "proto/wire.h"

/* Allows as many of the requests as are within the user's rate. */
int on_requests(struct pump *p, const struct link_count *m, struct served *s)
{
	uint32_t within = 0;
	uint64_t now = clock_ns();
	while (within < m->n && within < 32 && rates_request(p->who.user, now))
		within++;
	s->reply.re_REQUESTS.n = within;
	return 0;
}

/* ---- files of memory ---- */

/* A file that is beyond the limits by now is not charged: the client has it already. */
static int file_had(struct errand *e, const int *fds, uint32_t nfds)
{
	for (uint32_t i = 0; i < nfds && e->shown < LINK_FILES_MAX; i++)
		(void)files_charge(e->pump->who.user, fds[i], e->bytes[e->shown++], NULL);
	return 0;
}

static int file_done(struct errand *e, const struct hand_reply *r, int *fd, struct served *s)
{
	(void)fd;
	memcpy(s->reply.re_FILE.text, e->why, sizeof(e->why));
	return r->error;
}

static const struct errand_kind file_kind = {.deadline_ms = 10000,
					     .gives = true,
					     .shown = errand_charge,
					     .done = file_done};
static const struct errand_kind had_kind = {.deadline_ms = 10000, .gives = true, .shown = file_had};

int on_file(struct pump *p, const struct link_bytes *m, struct served *s)
{
	(void)s;
	return errand_start(p, &m->hdr,
			    &(struct errand){.kind = &file_kind,
					     .job = {.kind = HAND_FILES, .files = {.n = 1}},
					     .bytes = {m->bytes}});
}

int on_have_file(struct pump *p, const struct link_files *m, struct served *s)
{
	struct errand e = {.kind = &had_kind, .job = {.kind = HAND_FILES, .files = {.n = m->n}}};
	(void)s;
	if (!p->again || m->n == 0 || m->n > LINK_FILES_MAX)
		return -EINVAL;
	memcpy(e.bytes, m->bytes, m->n * sizeof(m->bytes[0]));
	return errand_start(p, &m->hdr, &e);
}

int on_memory(struct pump *p, const struct link_memory *m, struct served *s)
{
	int fd = files_new(p->who.user, m->what, m->bytes, &s->fds[1], s->reply.re_MEMORY.text);
	s->fds[0] = fd;
	s->nfds = fd < 0 ? 0 : 2;
	return fd < 0 ? fd : 0;
}

/* Whose line it is the broker says, and nothing that a client does is worse than a warning. */
void on_log(struct pump *p, const struct link_log *m)
{
	if (m->cause >= LOG_CAUSES || m->priority > 7)
		return;
	log_client(m->priority < 4 ? 4 : (int)m->priority, p->who.uid, p->who.class, m->cause,
		   "client %u (pid %d, uid %u): %.*s", p->id, (int)p->who.pid, (unsigned)p->who.uid,
		   (int)sizeof(m->line) - 1, m->line);
}

void on_classed(struct pump *p, const struct link_count *m)
{
	p->policy = m->n;
	p->classed = true;
	pump_read(p);
}

void on_over(struct pump *p, const struct link_nothing *m)
{
	(void)m;
	p->over = true;
}

/* ---- all of it ---- */

/* NOLINTNEXTLINE(readability-function-size): it has a case for each message of the table */
void serve_message(struct pump *p, const union link_any *m)
{
	struct served s = {.nfds = 0};
	int r;
	switch (m->hdr.type) {
#define SERVE_BROKER_TELLS(name, handler)
#define SERVE_PUMP_TELLS(name, handler)         \
	case LINK_##name:                       \
		on_##handler(p, &m->as_##name); \
		return;
#define SERVE_PUMP_ASKS(name, handler)                  \
	case LINK_##name:                               \
		r = on_##handler(p, &m->as_##name, &s); \
		break;
#define X(name, handler, number, request, reply, least, most, back, who, ...) \
	SERVE_##who(name, handler)
		LINK_TABLE(X)
#undef X
	default: /* link_check() lets nothing else through */
		return;
	}
	if (r != SERVED_LATER)
		served_send(p, &s, &m->hdr, r);
}
