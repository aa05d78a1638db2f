/* SPDX-License-Identifier: MIT */
#include "tests/harness/receive.h"

#include <arpa/inet.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

void harness_receiver_open(struct harness_receiver *r, const struct harness_daemon *d,
			   size_t area_bytes, const struct zcrx_queue_options *options)
{
	if (zcrx_connect(&r->z, d->socket) < 0)
		fail_msg("zcrx_connect: %s", zcrx_error(NULL));
	if (zcrx_area_new(r->z, &r->area, area_bytes, 0) < 0 ||
	    zcrx_queue_open(r->z, &r->q, r->area, options) < 0)
		fail_msg("zcrx_area_new, zcrx_queue_open: %s", zcrx_error(r->z));
}

void harness_receiver_close(struct harness_receiver *r)
{
	zcrx_queue_close(r->q);
	assert_int_equal(zcrx_area_free(r->area), 0);
	zcrx_close(r->z);
}

void harness_receiver_adopt(struct harness_receiver *r, struct harness_stream *s, int sock)
{
	if (zcrx_flow_adopt(r->q, &s->flow, sock, 0, s) < 0)
		fail_msg("zcrx_flow_adopt: %s", zcrx_error(r->z));
}

static void opened(struct harness_receiver *r, struct zcrx_flow *f)
{
	struct sockaddr_in peer;
	socklen_t len = sizeof(peer);
	assert_int_equal(zcrx_flow_remote(f, (struct sockaddr *)&peer, &len), 0);
	for (int i = 0; i < r->count; i++)
		if (r->streams[i].port == ntohs(peer.sin_port)) {
			assert_null(r->streams[i].flow);
			r->streams[i].flow = f;
			zcrx_flow_set_user(f, &r->streams[i]);
			return;
		}
	fail_msg("a connection from port %u that nobody made", ntohs(peer.sin_port));
}

static void received(const struct harness_receiver *r, const struct zcrx_completion *c)
{
	struct harness_stream *s = c->user;
	const char *at = (const char *)zcrx_area_data(r->area) + c->off;
	assert_non_null(s);
	assert_ptr_equal(c->flow, s->flow);
	assert_false(s->ended);
	assert_true(c->len > 0 && c->off + c->len <= zcrx_area_bytes(r->area));
	if (!harness_pattern_is(at, s->seed, s->bytes, c->len))
		fail_msg("stream %ju is wrong within %u bytes after %ju", (uintmax_t)s->seed,
			 c->len, (uintmax_t)s->bytes);
	s->bytes += c->len;
}

static void ended(struct harness_receiver *r, const struct zcrx_completion *c)
{
	struct harness_stream *s = c->user;
	assert_non_null(s);
	assert_ptr_equal(c->flow, s->flow);
	assert_false(s->ended);
	s->ended = true;
	s->error = c->error;
	r->ended++;
}

static void ended_close(struct harness_receiver *r)
{
	for (int i = 0; i < r->count; i++)
		if (r->streams[i].ended) {
			zcrx_flow_close(r->streams[i].flow, 0);
			r->streams[i].flow = NULL;
		}
}

static void hold(struct harness_receiver *r, const struct zcrx_completion *c)
{
	r->held[r->held_count++] = *c;
	if (r->held_count <= r->hold)
		return;
	zcrx_recycle(r->q, r->held, 1);
	memmove(r->held, r->held + 1, (size_t)--r->held_count * sizeof(r->held[0]));
}

static void take(struct harness_receiver *r, const struct zcrx_completion *c)
{
	switch (c->what) {
	case ZCRX_OPEN:
		opened(r, c->flow);
		break;
	case ZCRX_DATA:
		received(r, c);
		hold(r, c);
		break;
	case ZCRX_END:
		ended(r, c);
		break;
	case ZCRX_LOST:
		r->lost = c->error;
		break;
	default:
		fail_msg("a completion of kind %u", c->what);
	}
}

int harness_receive_some(struct harness_receiver *r)
{
	struct zcrx_completion c[64];
	int n = zcrx_reap(r->q, c, 64);
	for (int i = 0; i < n; i++)
		take(r, &c[i]);
	/* A holder that gets no more has all there is: it must let go for more to come. */
	if (n == 0 && r->held_count > 0) {
		zcrx_recycle(r->q, r->held, r->held_count);
		r->held_count = 0;
	}
	return n;
}

static void stuck(const struct harness_receiver *r)
{
	for (int i = 0; i < r->count; i++)
		print_error("stream %ju: %s, %ju bytes\n", (uintmax_t)r->streams[i].seed,
			    r->streams[i].ended  ? "ended"
			    : r->streams[i].flow ? "open"
						 : "not opened",
			    (uintmax_t)r->streams[i].bytes);
	fail_msg("nothing has come for %d ms", HARNESS_PATIENCE_MS);
}

/* One long wait rather than many short ones: a wake-up that gets lost must not go unnoticed. */
void harness_receive(struct harness_receiver *r)
{
	while (r->ended < r->count && !r->lost)
		if (harness_receive_some(r) == 0 && zcrx_wait(r->q, HARNESS_PATIENCE_MS) != 1)
			stuck(r);
	ended_close(r);
}

void harness_expect_why_lost(const struct harness_receiver *r, const char *why)
{
	struct zcrx_queue_info i = {.size = sizeof(i)};
	assert_int_equal(zcrx_queue_info(r->q, &i), 0);
	assert_string_equal(i.why_lost, why);
}

void harness_receive_for(struct harness_receiver *r, int ms)
{
	uint64_t until = harness_now_ms() + (uint64_t)ms;
	while (harness_now_ms() < until && !r->lost)
		if (harness_receive_some(r) == 0)
			assert_true(zcrx_wait(r->q, 10) >= 0);
	ended_close(r);
}
