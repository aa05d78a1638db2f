// SPDX-License-Identifier: MIT
/*
 * The message checker in every state. Besides not crashing: what it accepts is what the protocol
 * calls well-formed, and stays so when it grows by zeros.
 *
 * An input: state, descriptors that came, then for replies the request's type and serial, then the
 * message.
 */
#include "proto/msg.h"
#include "proto/reason.h"
#include "tests/fuzz/fuzz.h"

#define FDS_TRIED 6 /* two more than can come */

struct received {
	union msg_any m;
	uint32_t len, nfds;
	uint16_t type; /* of the request, for replies */
	uint32_t serial;
};

/* The enum has no name for it: the message is a reply. */
#define REPLY 0

static int check(const struct received *r, int state, uint32_t len)
{
	uint32_t reason = REASON_NONE;
	if (state == REPLY)
		return msg_check_reply(&r->m, len, r->nfds, r->type, r->serial);
	int error = msg_check(&r->m, len, r->nfds, (enum msg_state)state, &reason);
	MUST(error == reason_error(reason) && (error == 0) == (reason == REASON_NONE));
	MUST(error == 0 || reason_text(reason)[0]);
	return error;
}

static void accepted(const struct received *r, int state)
{
	const struct msg_hdr *h = &r->m.hdr;
	MUST(h->size == r->len && h->size % 8 == 0 && h->nfds == r->nfds);
	MUST(msg_name(h->type)[0] != '?');
	if (state == REPLY)
		MUST(h->type == r->type && h->serial == r->serial && h->error <= 0);
	else
		MUST(h->error == 0 && (h->serial == 0) == (state == MSG_STATE_EVENT));
	MUST(r->nfds <= MSG_FDS_MAX || state == REPLY);
}

/* Shorter and shorter it is refused from some length on and ever after; with a tail, grown. */
static void resize(struct received *r, int state)
{
	int error = 0;
	for (uint32_t len = r->len; len >= sizeof(r->m.hdr); len -= 8) {
		r->m.hdr.size = len;
		int e = check(r, state, len);
		MUST(e || !error);
		error = e;
		if (len > sizeof(r->m.hdr))
			r->m.words[len / 8 - 1] = 0;
	}
}

static void grow(struct received *r, int state)
{
	uint32_t len = r->len + 8;
	if (len > MSG_BYTES_MAX)
		return;
	r->m.hdr.size = len;
	MUST(check(r, state, len) == 0);
	r->m.words[r->len / 8] = 1;
	MUST(check(r, state, len) == reason_error(REASON_UNKNOWN_FIELD));
	r->m.words[r->len / 8] = 0;
	r->m.hdr.size = r->len;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const int states[] = {MSG_STATE_NEW, MSG_STATE_READY, MSG_STATE_EVENT, REPLY};
	struct input in = {data, size};
	struct received r = {0};
	int state = states[input_u8(&in) % 4];
	r.nfds = input_u8(&in) % FDS_TRIED;
	if (state == REPLY) {
		r.type = input_u16(&in);
		r.serial = input_u32(&in);
	}
	r.len = (uint32_t)input_bytes(&in, &r.m, sizeof(r.m));
	if (check(&r, state, r.len))
		return 0;
	accepted(&r, state);
	grow(&r, state);
	resize(&r, state);
	return 0;
}
