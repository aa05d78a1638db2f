// SPDX-License-Identifier: MIT
/*
 * The link, with a hostile pump at its other end. Whatever datagram comes, of the checker and of
 * what the broker does then: what is asked for is answered once, with a reply that the pump takes;
 * the user has no more than its limits; and when the pump has gone nothing is charged any more.
 *
 * An input: bits, then messages: how it is made, which one of the table, how many descriptors it
 * gives and what a hand finds, how many bytes of it follow, and these. The hands are this file's:
 * hand_start() and hand_forget() are here.
 */
#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/size.h"
#include "daemon/broker/errand.h"
#include "daemon/broker/serve.h"
#include "daemon/grant/account.h"
#include "daemon/grant/classes.h"
#include "daemon/grant/files.h"
#include "proto/wire.h"
#include "tests/fuzz/fuzz.h"
#include "tests/harness/fds.h"
#include "tests/harness/lone_pump.h"

#define MESSAGES_MAX 64
#define GIVEN_TRIED  6

#define BITS_TAKEN 1 /* it was taken over from the broker before */

enum how {
	HOW_GOOD,  /* the header is right; what follows stands behind it */
	HOW_RAW,   /* what follows is the datagram */
	HOW_REPLY, /* what follows is a reply to this one */
	HOW_COUNT
};

enum finds {
	FINDS_MEMORY,  /* shows it */
	FINDS_NOTHING, /* what was given is something else */
	FINDS_LATE,    /* it is under way until the pump ends, or as many are as may be */
	FINDS_COUNT
};

static const uint16_t types[] = {
#define X(name, ...) LINK_##name,
	LINK_TABLE(X)
#undef X
};

static FILE *nowhere; /* for what is logged of a pump that is ended */

struct run {
	struct lone_pump lone;
	struct errands all;
};

/* ---- hands ---- */

static struct hand {
	const struct hand_calls *calls; /* NULL: it is none */
	void *owner;
	struct hand_job job;
} hands[HANDS_EACH_MAX];

int hand_start(struct hand **ret, struct hands *all, const struct hand_order *order)
{
	(void)all;
	MUST(order->nfds <= HAND_FDS_MAX && order->deadline_ms > 0);
	for (size_t i = 0; i < ARRAY_LENGTH(hands); i++) {
		if (hands[i].calls)
			continue;
		hands[i] = (struct hand){.calls = order->calls,
					 .owner = order->owner,
					 .job = *order->job};
		*ret = &hands[i];
		return 0;
	}
	return -EDQUOT;
}

/* All pumps of an input are of one user. */
unsigned hands_held(const struct hands *all, uint64_t payer)
{
	(void)all, (void)payer;
	unsigned n = 0;
	for (size_t i = 0; i < ARRAY_LENGTH(hands); i++)
		n += hands[i].calls != NULL;
	return n;
}

/* Nobody calls these here, which belong to hand_start(). */
int hands_new(struct hands **ret, sd_event *loop, const char *program,
	      void (*gone)(void *data, uint64_t payer), void *data)
{
	(void)ret, (void)loop, (void)program, (void)gone, (void)data;
	abort();
}

struct hands *hands_free(struct hands *all)
{
	(void)all;
	abort();
}

bool hand_is_new(const struct hand *h)
{
	(void)h;
	return true;
}

pid_t hand_pid(const struct hand *h)
{
	(void)h;
	return getpid();
}

void hand_forget(struct hand *h)
{
	MUST(h->calls != NULL);
	h->calls = NULL;
}

static void hand_finish(struct hand *h, const struct hand_reply *reply)
{
	const struct hand_calls *calls = h->calls;
	h->calls = NULL;
	calls->done(h->owner, reply, -1);
}

/* Returns true if it was answered. */
static bool hand_run(struct hand *h, enum finds finds, uint32_t given)
{
	struct hand_reply reply = {.fault = HAND_NOT_MEMORY, .error = -EINVAL};
	bool all = &hands[ARRAY_LENGTH(hands) - 1] == h;
	if (finds == FINDS_LATE && !all)
		return false;
	for (uint32_t i = 0; finds == FINDS_MEMORY && i < given; i++) {
		int fd = memfd_create("fuzz", MFD_CLOEXEC | MFD_ALLOW_SEALING);
		MUST(fd >= 0);
		int error = h->calls->shown(h->owner, &fd, 1);
		close(fd);
		reply = (struct hand_reply){.fault = error < 0 ? HAND_REFUSED : HAND_DONE,
					    .error = error};
		if (error < 0)
			break;
	}
	hand_finish(h, &reply);
	return true;
}

/* What came of this request; NULL: no hand is at it. */
static struct hand *hand_of(const struct msg_hdr *request)
{
	for (size_t i = 0; i < ARRAY_LENGTH(hands); i++)
		if (hands[i].calls &&
		    ((struct errand *)hands[i].owner)->request.serial == request->serial)
			return &hands[i];
	return NULL;
}

/* ---- the pump's end ---- */

/* It is told to give, if a hand is there. */
static void told_to_give(const struct run *r, const struct msg_hdr *request)
{
	union link_any m;
	int fds[MSG_FDS_MAX];
	uint32_t nfds = 0;
	int n = wire_recv(r->lone.end, &m.any, fds, &nfds, MSG_DONTWAIT);
	MUST(n > 0 && link_check(&m, (uint32_t)n, nfds, false) == 0);
	MUST(m.hdr.type == LINK_GIVE && m.as_GIVE.serial == request->serial);
	wire_close(fds, nfds);
}

static void no_more(const struct run *r)
{
	union link_any m;
	int fds[MSG_FDS_MAX];
	uint32_t nfds = 0;
	MUST(wire_recv(r->lone.end, &m.any, fds, &nfds, MSG_DONTWAIT) == -EAGAIN);
}

/* One reply to what was asked for, which the pump takes; none to what was told. */
static void answered(const struct run *r, const struct msg_hdr *request, enum finds finds,
		     uint32_t given)
{
	union link_any m;
	int fds[MSG_FDS_MAX];
	uint32_t nfds = 0;
	struct hand *h = hand_of(request);
	if (h) {
		told_to_give(r, request);
		no_more(r);
		if (!hand_run(h, finds, given))
			return;
	}
	if (link_is_asked(request->type)) {
		int n = wire_recv(r->lone.end, &m.any, fds, &nfds, MSG_DONTWAIT);
		MUST(n >= (int)sizeof(m.hdr) && m.hdr.serial == request->serial);
		MUST(link_check_reply(&m, (uint32_t)n, nfds, request->type) == 0);
		wire_close(fds, nfds);
	}
	no_more(r);
}

/* A pump that was taken over may have more: what the broker before gave. */
static void within_limits(const struct run *r)
{
	uint64_t used[ACCOUNT_KINDS];
	account_used(POLICY_DEFAULT, used);
	for (int kind = 0; kind < ACCOUNT_KINDS; kind++)
		MUST(used[kind] <= account_most(&r->lone.limits, kind));
}

/* As the broker does with a datagram: pump_watch.c. What is slow is done at once. */
static void receive(struct run *r, const union link_any *m, uint32_t len, enum finds finds,
		    uint32_t given, bool taken)
{
	MUST(link_check(m, len, 1, true) < 0); /* descriptors come by no link */
	if (link_check(m, len, 0, true) < 0)
		return;
	MUST(m->hdr.error == 0);
	MUST((m->hdr.serial != 0) == link_is_asked(m->hdr.type));
	FILE *seen = stderr;
	stderr = nowhere;
	serve_message(&r->lone.pump, m);
	stderr = seen;
	answered(r, &m->hdr, finds, given);
	if (!taken)
		within_limits(r);
}

static void step(struct run *r, struct input *in, bool taken)
{
	union link_any m = {0};
	enum how how = input_u8(in) % HOW_COUNT;
	uint16_t type = types[input_u8(in) % ARRAY_LENGTH(types)];
	uint32_t nfds = input_u8(in) % GIVEN_TRIED, bytes = input_u16(in) % (sizeof(m) + 1);
	enum finds finds = input_u8(in) % FINDS_COUNT;
	static uint32_t serial;
	serial = serial % 1000 + 7; /* those of hands that are under way are among the last ones */
	if (how == HOW_GOOD) {
		m.hdr = (struct msg_hdr){.size = link_bytes(type),
					 .type = type,
					 .serial = link_is_asked(type) ? serial : 0};
		uint32_t room = m.hdr.size - (uint32_t)sizeof(m.hdr);
		input_bytes(in, &m.any.words[sizeof(m.hdr) / 8], bytes < room ? bytes : room);
		bytes = m.hdr.size;
	} else {
		bytes = (uint32_t)input_bytes(in, &m, bytes);
	}
	if (how == HOW_REPLY) {
		if (link_check_reply(&m, bytes, nfds, type) == 0)
			MUST(m.hdr.type == type && m.hdr.error <= 0 && m.hdr.size == bytes &&
			     bytes >= link_reply_bytes(type) && nfds <= MSG_FDS_MAX);
		return;
	}
	if (link_check(&m, bytes, nfds, false) == 0)
		MUST(link_check(&m, bytes, nfds, true) < 0 && m.hdr.serial == 0);
	receive(r, &m, bytes, finds, nfds, taken);
}

static void run_start(struct run *r, bool taken)
{
	MUST(lone_pump_start(&r->lone, NULL));
	r->lone.pump.taken = taken;
	r->lone.pump.all_errands = &r->all;
	LIST_INIT(&r->all.lines);
}

static void run_end(struct run *r)
{
	MUST(lone_pump_end(&r->lone));
	MUST(LIST_EMPTY(&r->all.lines));
}

/* Few of each, so that a few messages reach the limits. */
static void prepare(void)
{
	static bool prepared;
	struct policy policy;
	int due[2];
	if (prepared)
		return;
	prepared = true;
	MUST(policy_init(&policy) == 0);
	for (int kind = 0; kind < ACCOUNT_KINDS; kind++)
		policy.classes->limits.most[kind] = kind == ACCOUNT_BYTES ? 1u << 20 : 3;
	MUST(classes_set(&policy) == 0);
	MUST(files_init(due) == 0);
	nowhere = fopen("/dev/null", "we");
	MUST(nowhere != NULL);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct input in = {data, size};
	struct run r;
	prepare();
	bool taken = input_u8(&in) & BITS_TAKEN;
	int files = fds_open();
	run_start(&r, taken);
	for (int n = 0; n < MESSAGES_MAX && in.left > 0 && !r.lone.pump.broken; n++)
		step(&r, &in, taken);
	run_end(&r);
	MUST(fds_open() == files);
	return 0;
}
