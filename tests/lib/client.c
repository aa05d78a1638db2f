/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <unistd.h>

#include <cmocka.h>

#include "tests/lib/fake.h"

void client_open(struct client *c, struct fake *f)
{
	assert_int_equal(zcrx_connect(&c->z, f->path), 0);
	assert_int_equal(zcrx_area_new(c->z, &c->a, FAKE_AREA_BYTES, 0), 0);
	assert_int_equal(zcrx_queue_open(c->z, &c->q, c->a, NULL), 0);
}

struct zcrx_flow *client_adopt(struct client *c, void *user, unsigned flags)
{
	struct zcrx_flow *flow;
	assert_int_equal(zcrx_flow_adopt(c->q, &flow, STDIN_FILENO, flags, user), 0);
	return flow;
}

struct zcrx_completion client_expect(struct client *c, int what)
{
	struct zcrx_completion got[4] = {0};
	int n = zcrx_reap(c->q, got, 4);
	assert_int_equal(n, what ? 1 : 0);
	assert_int_equal(got[0].what, what);
	return got[0];
}
