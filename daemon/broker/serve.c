/* SPDX-License-Identifier: MIT */
#include "daemon/broker/serve.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fd.h"
#include "daemon/broker/errand.h"
#include "daemon/broker/record_file.h"
#include "daemon/grant/account.h"
#include "daemon/grant/classes.h"
#include "daemon/grant/files.h"
#include "daemon/grant/flight_reader.h"
#include "daemon/grant/log_client.h"
#include "daemon/grant/rates.h"
#include "proto/wire.h"

#define HAVE_MAX (1ull << 48) /* of a kind: what is more would overflow sums */

/*
 * May a pump have this kind charged by CHARGE? The broker itself charges sessions, and files are
 * charged by FILE and MEMORY.
 */
static bool is_amount(const struct link_amount *m)
{
	return m->kind < ACCOUNT_KINDS && m->kind != ACCOUNT_SESSIONS && m->kind != ACCOUNT_FILES;
}

void serve_charged_set(struct pump *p, uint32_t kind, uint64_t n)
{
	__atomic_store_n(&p->charged[kind], n, __ATOMIC_RELAXED);
	record_charge(p->record, kind, n);
}

/* The sockets of what is released may have gone with it. */
static void charged_lower(struct pump *p, uint32_t kind, uint64_t less)
{
	serve_charged_set(p, kind, p->charged[kind] - less);
	if (p->hosted[kind] > p->charged[kind])
		p->hosted[kind] = p->charged[kind];
	account_release(p->who.user, kind, less);
}

static void in_flight_set(struct pump *p, uint32_t n)
{
	p->in_flight = n;
	record_flight(p->record, n);
}

/* The record has the charge before the pump is answered: so no pump has more than its record says.
 */
int on_charge(struct pump *p, const struct link_amount *m, struct served *s)
{
	if (!is_amount(m) || m->n > HAVE_MAX)
		return -EINVAL;
	int r = files_account(p->who.user, m->kind, m->n, s->reply.re_CHARGE.text);
	if (r == 0)
		serve_charged_set(p, m->kind, p->charged[m->kind] + m->n);
	return r;
}

void on_release(struct pump *p, const struct link_amount *m)
{
	if (!is_amount(m) || m->n > p->charged[m->kind])
		return pump_break(p, "releases more than it was charged");
	charged_lower(p, m->kind, m->n);
}

void serve_again(struct pump *p)
{
	for (uint32_t kind = 0; kind < ACCOUNT_KINDS; kind++) {
		struct link_amount amount = {.kind = kind, .n = record_charged(p->record, kind)};
		if (!is_amount(&amount))
			continue;
		p->charged[kind] = amount.n;
		/* A client has one request at a time: at most one socket was not answered. */
		p->hosted[kind] = amount.n > 0 ? amount.n - 1 : 0;
		account_take(p->who.user, kind, amount.n);
	}
	p->in_flight = record_in_flight(p->record);
	flight_reader_take(p->reader, p->in_flight);
}

/*
 * What a pump has is less than the record says if the broker before had not read a release, or not
 * answered a charge, which is then asked for again. It is never more.
 */
void on_have(struct pump *p, const struct link_have *m)
{
	if (!p->taken)
		return pump_break(p, "says again what it has");
	p->taken = false;
	for (uint32_t kind = 0; kind < ACCOUNT_KINDS; kind++) {
		uint64_t less = m->amounts[kind] < p->charged[kind]
					? p->charged[kind] - m->amounts[kind]
					: 0;
		charged_lower(p, kind, less);
	}
	uint32_t landed = m->in_flight < p->in_flight ? p->in_flight - m->in_flight : 0;
	in_flight_set(p, p->in_flight - landed);
	flight_reader_release(p->reader, landed);
	pump_read(p);
}

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

int on_flight(struct pump *p, const struct link_count *m, struct served *s)
{
	(void)s;
	if (!flight_reader_charge(p->reader, m->n))
		return -EBUSY;
	in_flight_set(p, p->in_flight + m->n);
	return 0;
}

void on_landed(struct pump *p, const struct link_count *m)
{
	if (m->n > p->in_flight)
		return pump_break(p, "lands more than it sent");
	in_flight_set(p, p->in_flight - m->n);
	flight_reader_release(p->reader, m->n);
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

void serve_release(struct pump *p)
{
	for (int kind = 0; kind < ACCOUNT_KINDS; kind++)
		account_release(p->who.user, kind, p->charged[kind]);
	flight_reader_release(p->reader, p->in_flight);
}
