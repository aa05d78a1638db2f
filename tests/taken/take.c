/* SPDX-License-Identifier: MIT */
#include "tests/taken/take.h"

#include <errno.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <sys/socket.h>

#include <cmocka.h>

#include "tests/harness/fds.h"
#include "tests/hostile/world.h"

#define SERIAL 77

void taken_begin(struct taken *t)
{
	union msg_any m = {.area_del = {.hdr = {.size = sizeof(m.area_del),
						.type = MSG_AREA_DEL,
						.serial = SERIAL},
					.area_id = TAKE_OVER}};
	raw_send(&t->r, &m, sizeof(m.area_del), NULL, 0);
}

int64_t taken_outcome(struct taken *t)
{
	struct pollfd in = {.fd = t->r.sock, .events = POLLIN};
	assert_int_equal(poll(&in, 1, WORLD_PATIENCE_MS), 1);
	ssize_t n = recv(t->r.sock, &t->got, sizeof(t->got), 0);
	if (n == 0 || (n < 0 && errno == ECONNRESET))
		return TAKEN_ENDED;
	assert_int_equal(n, sizeof(t->got));
	return t->got.result;
}

int64_t taken_order(struct taken *t, const struct taken_order *o, const int *fds, size_t nfds)
{
	if (fds_send(t->r.sock, o, sizeof(*o), fds, nfds, 0) < 0)
		return TAKEN_ENDED;
	return taken_outcome(t);
}

void taken_resume(struct taken *t)
{
	union msg_any m;
	assert_int_equal(taken_order(t, &(struct taken_order){.what = ORDER_RESUME}, NULL, 0), 0);
	raw_receive(&t->r, &m, NULL);
	raw_is_refusal(&m, MSG_AREA_DEL, SERIAL, REASON_NO_OBJECT, NULL);
}
