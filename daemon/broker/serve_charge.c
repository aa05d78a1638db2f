/* SPDX-License-Identifier: MIT */
/* What pumps are charged: the handlers of CHARGE, RELEASE, HAVE, FLIGHT and LANDED. */
#include <errno.h>

#include "daemon/broker/closing.h"
#include "daemon/broker/record_file.h"
#include "daemon/broker/serve.h"
#include "daemon/broker/serve_dmabuf.h"
#include "daemon/grant/account.h"
#include "daemon/grant/files.h"
#include "daemon/grant/flight_reader.h"
#include "daemon/grant/kept.h"

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

/*
 * The pump has n less, as it says. Returns false if that cannot be. What goes with a dma-buf that
 * the broker made for it is given back with the dma-buf only.
 */
static bool release(struct pump *p, uint32_t kind, uint64_t n)
{
	if (n > p->charged[kind])
		return false;
	if (kind == ACCOUNT_AREAS && !serve_dmabuf_release(p, &n))
		return false;
	charged_lower(p, kind, n);
	return true;
}

static void in_flight_set(struct pump *p, uint32_t n)
{
	p->in_flight = n;
	record_flight(p->record, n);
}

/* The record has the charge before the pump is answered: so no pump has more than its record says.
 */
static int charge(struct pump *p, const struct link_amount *m, struct served *s)
{
	int r = files_account(p->who.user, m->kind, m->n, s->reply.re_CHARGE.text);
	if (r == 0)
		serve_charged_set(p, m->kind, p->charged[m->kind] + m->n);
	return r;
}

static void charge_again(struct pump *p, const union link_any *m)
{
	struct served s = {.nfds = 0};
	served_send(p, &s, &m->hdr, charge(p, &m->as_CHARGE, &s));
}

int on_charge(struct pump *p, const struct link_amount *m, struct served *s)
{
	if (!is_amount(m) || m->n > HAVE_MAX)
		return -EINVAL;
	const union link_any again = {.as_CHARGE = *m};
	uint64_t before = kept_closed(p->who.user);
	int r = charge(p, m, s);
	return r == -EDQUOT && closing_await(p, &again, before, charge_again) ? SERVED_LATER : r;
}

void on_release(struct pump *p, const struct link_amount *m)
{
	if (!is_amount(m) || !release(p, m->kind, m->n))
		return pump_break(p, "releases more than it was charged");
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
		if (!release(p, kind, less))
			return pump_break(p, "says that it has less than is being made for it");
	}
	uint32_t landed = m->in_flight < p->in_flight ? p->in_flight - m->in_flight : 0;
	in_flight_set(p, p->in_flight - landed);
	flight_reader_release(p->reader, landed);
	pump_read(p);
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

void serve_release(struct pump *p)
{
	for (int kind = 0; kind < ACCOUNT_KINDS; kind++)
		account_release(p->who.user, kind, p->charged[kind]);
	flight_reader_release(p->reader, p->in_flight);
}
