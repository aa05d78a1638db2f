/* SPDX-License-Identifier: MIT */
/* zcrx_error() is about the last refusal, whichever function refused. */
#include <errno.h>
#include <netinet/in.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "tests/lib/fixture.h"

#define STALE "This was refused before."

static struct zcrx_flow *flow;

/* Refuses whatever is asked. */
static void refuse(const union msg_any *request, struct fake_reply *reply, void *data)
{
	(void)data;
	reply->m.fail = (struct msg_fail){.hdr = request->hdr, .text = "Not today."};
	reply->m.hdr.size = sizeof(reply->m.fail);
	reply->m.hdr.error = -EPERM;
	reply->m.hdr.nfds = 0;
}

static const struct sockaddr_in to = {.sin_family = AF_INET};
static const struct sockaddr *const address = (const struct sockaddr *)&to;
static struct zcrx_area *area;
static struct zcrx_queue *queue;
static struct zcrx_flow *made;

static int area_without_length(void)
{
	return zcrx_area_new(client.z, &area, 0, 0);
}

static int area_too_long(void)
{
	return zcrx_area_new(client.z, &area, SIZE_MAX, 0);
}

static int area_of_unknown_flags(void)
{
	return zcrx_area_new(client.z, &area, 4096, 2);
}

static int area_refused(void)
{
	return zcrx_area_new(client.z, &area, 4096, 0);
}

static int import_of_nothing(void)
{
	return zcrx_area_import(client.z, &area, -1, 0);
}

static int import_of_a_pipe(void)
{
	int fds[2];
	assert_int_equal(pipe(fds), 0);
	int r = zcrx_area_import(client.z, &area, fds[0], 0);
	close(fds[0]);
	close(fds[1]);
	return r;
}

static int free_of_a_busy_area(void)
{
	return zcrx_area_free(client.a);
}

static int queue_of_a_busy_area(void)
{
	return zcrx_queue_open(client.z, &queue, client.a, NULL);
}

static int queue_of_wrong_size(void)
{
	const struct zcrx_queue_options options = {.size = 1};
	return zcrx_queue_open(client.z, &queue, client.a, &options);
}

static int queue_of_no_size(void)
{
	const struct zcrx_queue_options options = {.size = 0};
	return zcrx_queue_open(client.z, &queue, client.a, &options);
}

static int adopt_of_nothing(void)
{
	return zcrx_flow_adopt(client.q, &made, -1, 0, NULL);
}

static int adopt_of_what_is_not_open(void)
{
	return zcrx_flow_adopt(client.q, &made, 999, 0, NULL);
}

static int adopt_refused(void)
{
	return zcrx_flow_adopt(client.q, &made, STDIN_FILENO, 0, NULL);
}

static int connect_to_a_short_address(void)
{
	return zcrx_flow_connect(client.q, &made, address, 1, 0, NULL);
}

static int connect_refused(void)
{
	return zcrx_flow_connect(client.q, &made, address, sizeof(to), ZCRX_FLOW_HOST, NULL);
}

static int listen_with_wrong_flags(void)
{
	return zcrx_flow_listen(client.q, &made, address, sizeof(to), ZCRX_FLOW_LISTEN, NULL);
}

static int listen_refused(void)
{
	return zcrx_flow_listen(client.q, &made, address, sizeof(to), ZCRX_FLOW_HOST, NULL);
}

static int pause_refused(void)
{
	return zcrx_flow_pause(flow, 1);
}

static int info_of_no_size(void)
{
	struct zcrx_queue_info info = {.size = 0};
	return zcrx_queue_info(client.q, &info);
}

/* said: a part of the sentence; NULL: the function uses its queue only, and leaves what was said.
 */
static const struct {
	int (*function)(void);
	int error;
	const char *said;
} refusals[] = {
	{area_without_length, -EINVAL, "needs a length"},
	{area_too_long, -EINVAL, "cannot be as long as"},
	{area_of_unknown_flags, -EINVAL, "but UDMABUF"},
	{area_refused, -EPERM, "Not today."},
	{import_of_nothing, -EBADF, "no such file descriptor: -1"},
	{import_of_a_pipe, -EINVAL, "neither a memfd nor a dma-buf"},
	{free_of_a_busy_area, -EBUSY, "close its queue first"},
	{queue_of_a_busy_area, -EBUSY, "one at a time"},
	{queue_of_wrong_size, -EINVAL, "wrong in size"},
	{queue_of_no_size, -EINVAL, "options.size is 0"},
	{adopt_of_nothing, -EBADF, "no such file descriptor: -1"},
	{adopt_of_what_is_not_open, -EBADF, "no such file descriptor: 999"},
	{adopt_refused, -EPERM, "Not today."},
	{connect_to_a_short_address, -EINVAL, "cut short"},
	{connect_refused, -EPERM, "Not today."},
	{listen_with_wrong_flags, -EINVAL, "HOST with RECEIVE_ONLY"},
	{listen_refused, -EPERM, "Not today."},
	{pause_refused, -EPERM, "Not today."},
	{info_of_no_size, -EINVAL, NULL},
};

static void refuse_before(const union msg_any *request, struct fake_reply *reply, void *data)
{
	refuse(request, reply, data);
	snprintf(reply->m.fail.text, sizeof(reply->m.fail.text), STALE);
}

static void each_refusal_has_its_own_sentence(void **state)
{
	(void)state;
	flow = client_adopt(&client, NULL, 0);
	for (size_t i = 0; i < sizeof(refusals) / sizeof(refusals[0]); i++) {
		fake.change = refuse_before;
		assert_int_equal(zcrx_flow_pause(flow, 1), -EPERM);
		assert_string_equal(zcrx_error(client.z), STALE);
		fake.change = refuse;
		assert_int_equal(refusals[i].function(), refusals[i].error);
		const char *said = refusals[i].said ? refusals[i].said : STALE;
		if (!strstr(zcrx_error(client.z), said))
			fail_msg("%zu: '%s', not '%s'", i, zcrx_error(client.z), said);
	}
	fake.change = NULL;
}

/* The fake's dma-buf is none: what it is asked, it refuses. */
static void a_dma_buf_that_cannot_be_synchronized_is_told(void **state)
{
	(void)state;
	struct zcrx_area *a;
	assert_int_equal(zcrx_area_new(client.z, &a, 4096, ZCRX_AREA_UDMABUF), 0);
	assert_int_equal(zcrx_area_sync(a, 1), -ENOTTY);
	assert_string_equal(zcrx_error(client.z),
			    "The dma-buf cannot be synchronized: Inappropriate ioctl for device.");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		FIXTURE_CASE(each_refusal_has_its_own_sentence),
		FIXTURE_CASE(a_dma_buf_that_cannot_be_synchronized_is_told),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
