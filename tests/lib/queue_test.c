/* SPDX-License-Identifier: MIT */
/* Opening a queue: a hostile layout maps nothing; the options and counters of other releases. */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmocka.h>

#include "tests/lib/fake.h"

static struct fake fake;
static struct zcrx *z;
static struct zcrx_area *a;

static int setup(void **state)
{
	(void)state;
	fake_start(&fake);
	return zcrx_connect(&z, fake.path) || zcrx_area_new(z, &a, FAKE_AREA_BYTES, 0);
}

static int teardown(void **state)
{
	(void)state;
	zcrx_close(z);
	fake_stop(&fake);
	return 0;
}

static void refuse_open(void)
{
	struct zcrx_queue *q = NULL;
	assert_int_equal(zcrx_queue_open(z, &q, a, NULL), -EPROTO);
	assert_null(q);
	assert_int_equal(fake_requests(&fake, MSG_QUEUE_CLOSE),
			 fake_requests(&fake, MSG_QUEUE_OPEN));
}

/* ---- hostile replies ---- */

/* A u32 of struct msg_queue_open_reply that is set to a value. */
struct poke {
	size_t at;
	uint32_t value;
};

#define RING(field) \
	(offsetof(struct msg_queue_open_reply, rings) + offsetof(struct msg_rings, field))
#define REPLY(field) offsetof(struct msg_queue_open_reply, field)

static void poke(const union msg_any *request, struct fake_reply *r, void *data)
{
	const struct poke *p = data;
	if (request->hdr.type == MSG_QUEUE_OPEN)
		memcpy((char *)&r->m + p->at, &p->value, sizeof(p->value));
}

static void a_layout_that_does_not_fit_its_files_is_refused(void **state)
{
	(void)state;
	struct poke pokes[] = {
		{RING(cq_map_bytes), 0},
		{RING(cq_map_bytes), 64},
		{RING(cq_map_bytes), 8193},
		{RING(cq_map_bytes), UINT32_MAX},
		{RING(cq_tail), 2},
		{RING(cq_tail), 8192},
		{RING(cq_tail), UINT32_MAX - 3},
		{RING(cq_cqes), 4},
		{RING(cq_cqes), 8192 - 64},
		{RING(cq_cqes), UINT32_MAX - 7},
		{RING(cq_entries), 0},
		{RING(cq_entries), 7},
		{RING(cq_entries), 1024},
		{RING(cq_entries), 1u << 31},
		{RING(cqe_bytes), 0},
		{RING(cqe_bytes), 8},
		{RING(cqe_bytes), 20},
		{RING(cqe_bytes), UINT32_MAX - 7},
		{RING(daemon_page), 8},
		{RING(daemon_page), 8192 - 64},
		{RING(daemon_page), UINT32_MAX - 63},
		{RING(rq_map_bytes), 0},
		{RING(rq_map_bytes), 8193},
		{RING(client_page), 4},
		{RING(client_page), 8192 - 64},
		{RING(rq_head), 4098},
		{RING(rq_head), 8192},
		{RING(rq_tail), 4097},
		{RING(rq_tail), 8192},
		{RING(rq_rqes), 4161},
		{RING(rq_rqes), 8192 - 32},
		{RING(rq_entries), 0},
		{RING(rq_entries), 3},
		{RING(rq_entries), 4096},
		{RING(rqe_bytes), 8},
		{RING(rqe_bytes), 4096},
		{REPLY(format), 0},
		{REPLY(format), MSG_FORMAT_ZCRX},
		{REPLY(buffer_bytes), 0},
		{REPLY(buffer_bytes), FAKE_AREA_BYTES + 1},
	};
	fake.change = poke;
	for (size_t i = 0; i < sizeof(pokes) / sizeof(pokes[0]); i++) {
		fake.data = &pokes[i];
		refuse_open();
	}
}

static void put_file(struct fake_reply *r, int which, int size, int seals)
{
	int fd = memfd_create("hostile", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	if (ftruncate(fd, size) == 0 && fcntl(fd, F_ADD_SEALS, seals) == 0) {
		close(r->fds[which]);
		r->fds[which] = fd;
	}
}

static void hostile_file(const union msg_any *request, struct fake_reply *r, void *data)
{
	const int *kind = data;
	int pipes[2];
	if (request->hdr.type != MSG_QUEUE_OPEN)
		return;
	switch (*kind) {
	case 0:
	case 1:
		put_file(r, *kind, 8192, F_SEAL_GROW);
		break;
	case 2:
	case 3:
		put_file(r, *kind - 2, 4096, F_SEAL_SHRINK);
		break;
	default:
		if (pipe2(pipes, O_CLOEXEC) == 0) {
			close(pipes[1]);
			close(r->fds[*kind - 4]);
			r->fds[*kind - 4] = pipes[0];
		}
		break;
	}
}

static void files_that_can_shrink_or_are_none_are_refused(void **state)
{
	(void)state;
	fake.change = hostile_file;
	for (int kind = 0; kind < 6; kind++) {
		fake.data = &kind;
		refuse_open();
	}
}

/* A side buffer of two pages, well made but for one thing. */
enum side_fault {
	SIDE_IS_A_PIPE,
	SIDE_CAN_SHRINK,
	SIDE_IS_TOO_SMALL,
	SIDE_HAS_NO_SLOTS,
	SIDE_SLOTS_ARE_TOO_LARGE,
	SIDE_IS_FINE
};

static void hostile_side(const union msg_any *request, struct fake_reply *r, void *data)
{
	enum side_fault fault = *(enum side_fault *)data;
	struct msg_rings *l = &r->m.queue_open_reply.rings;
	int pipes[2];
	if (request->hdr.type != MSG_QUEUE_OPEN || pipe2(pipes, O_CLOEXEC) < 0)
		return;
	close(pipes[1]);
	r->fds[3] = pipes[0];
	r->m.hdr.nfds = 4;
	l->side_map_bytes = 8192;
	l->side_slot_bytes = 4096;
	if (fault == SIDE_HAS_NO_SLOTS)
		l->side_slot_bytes = 0;
	if (fault == SIDE_SLOTS_ARE_TOO_LARGE)
		l->side_slot_bytes = 16384;
	if (fault != SIDE_IS_A_PIPE)
		put_file(r, 3, fault == SIDE_IS_TOO_SMALL ? 4096 : 8192,
			 fault == SIDE_CAN_SHRINK ? F_SEAL_GROW : F_SEAL_SHRINK);
}

static void a_side_buffer_that_does_not_fit_is_refused(void **state)
{
	(void)state;
	fake.change = hostile_side;
	enum side_fault fault;
	fake.data = &fault;
	for (fault = SIDE_IS_A_PIPE; fault < SIDE_IS_FINE; fault++)
		refuse_open();
	struct zcrx_queue *q;
	assert_int_equal(zcrx_queue_open(z, &q, a, NULL), 0);
	zcrx_queue_close(q);
}

static void drop_descriptors(const union msg_any *request, struct fake_reply *r, void *data)
{
	const int *keep = data;
	if (request->hdr.type == MSG_QUEUE_OPEN)
		r->m.hdr.nfds = (uint16_t)*keep;
}

static void missing_descriptors_end_the_connection(void **state)
{
	(void)state;
	fake.change = drop_descriptors;
	for (int keep = 0; keep < 3; keep++) {
		struct zcrx_queue *q = NULL;
		fake.data = &keep;
		assert_int_equal(zcrx_queue_open(z, &q, a, NULL), -EPROTO);
		assert_null(q);
		assert_int_equal(zcrx_area_free(a), 0);
		zcrx_close(z);
		assert_int_equal(zcrx_connect(&z, fake.path), 0);
		assert_int_equal(zcrx_area_new(z, &a, FAKE_AREA_BYTES, 0), 0);
	}
}

/* ---- options ---- */

static void options_reach_the_daemon(void **state)
{
	(void)state;
	struct zcrx_queue *q;
	struct zcrx_queue_options o = {
		.size = sizeof(o),
		.backend = ZCRX_BACKEND_DEVMEM,
		.flags = ZCRX_QUEUE_NO_COPY,
		.cq_entries = 1,
		.rq_entries = 2,
		.buffer_bytes = 3,
		.rx_queues = 4,
		.nic = "eth0",
	};
	assert_int_equal(zcrx_queue_open(z, &q, a, &o), 0);
	struct msg_queue_open m = fake_last_request(&fake).queue_open;
	assert_int_equal(m.area_id, FAKE_AREA_ID);
	assert_int_equal(m.backend, MSG_BACKEND_DEVMEM);
	assert_int_equal(m.flags, MSG_QUEUE_NO_COPY);
	assert_int_equal(m.cq_entries, 1);
	assert_int_equal(m.rq_entries, 2);
	assert_int_equal(m.buffer_bytes, 3);
	assert_int_equal(m.rx_queues, 4);
	assert_string_equal(m.nic, "eth0");
	zcrx_queue_close(q);
}

static void options_of_a_newer_release_pass_if_the_news_are_unused(void **state)
{
	(void)state;
	struct {
		struct zcrx_queue_options known;
		uint64_t news;
	} o = {.known.size = sizeof(o)};
	struct zcrx_queue *q;
	assert_int_equal(zcrx_queue_open(z, &q, a, &o.known), 0);
	zcrx_queue_close(q);
	o.news = 1;
	assert_int_equal(zcrx_queue_open(z, &q, a, &o.known), -E2BIG);
}

static void impossible_options_are_refused_here(void **state)
{
	(void)state;
	struct zcrx_queue_options o = {.size = sizeof(o) - 1};
	struct zcrx_queue *q;
	assert_int_equal(zcrx_queue_open(z, &q, a, &o), -EINVAL);
	o.size = sizeof(o);
	memset(o.nic, 'x', sizeof(o.nic));
	assert_int_equal(zcrx_queue_open(z, &q, a, &o), -EINVAL);
	assert_int_equal(fake_requests(&fake, MSG_QUEUE_OPEN), 0);
}

/* ---- info ---- */

static void info_tells_the_reply_and_the_counters(void **state)
{
	(void)state;
	struct zcrx_queue *q;
	struct zcrx_queue_info i = {.size = sizeof(i)};
	assert_int_equal(zcrx_queue_open(z, &q, a, NULL), 0);
	fake_daemon_page(&fake)->bytes = 1ull << 40;
	fake_daemon_page(&fake)->starvations = 5;
	fake_daemon_page(&fake)->enters = 9;
	assert_int_equal(zcrx_queue_info(q, &i), 0);
	assert_int_equal(i.size, sizeof(i));
	assert_int_equal(i.backend, ZCRX_BACKEND_COPY);
	assert_int_equal(i.buffer_bytes, FAKE_BUFFER_BYTES);
	assert_int_equal(i.cq_entries, FAKE_CQ_ENTRIES);
	assert_int_equal(i.rq_entries, FAKE_RQ_ENTRIES);
	assert_true(i.bytes == 1ull << 40);
	assert_int_equal(i.starvations, 5);
	assert_int_equal(i.enters, 9);
	assert_string_equal(i.why_not, "The fake only copies.");
	assert_string_equal(i.why_lost, "");
	zcrx_queue_close(q);
}

static void info_of_another_release_is_filled_as_far_as_known(void **state)
{
	(void)state;
	struct zcrx_queue *q;
	struct {
		struct zcrx_queue_info known;
		uint64_t news, behind;
	} i = {.known.size = sizeof(i) - 8, .news = 1, .behind = 1};
	assert_int_equal(zcrx_queue_open(z, &q, a, NULL), 0);
	assert_int_equal(zcrx_queue_info(q, &i.known), 0);
	assert_int_equal(i.known.size, sizeof(i) - 8);
	assert_int_equal(i.news, 0);
	assert_int_equal(i.behind, 1);
	const char *behind = "behind";
	i.known = (struct zcrx_queue_info){.size = offsetof(struct zcrx_queue_info, why_lost),
					   .why_lost = behind};
	assert_int_equal(zcrx_queue_info(q, &i.known), 0); /* the first release's */
	assert_string_equal(i.known.why_not, "The fake only copies.");
	assert_ptr_equal(i.known.why_lost, behind);
	static const size_t no_versions[] = {sizeof(i.known) - 1,
					     offsetof(struct zcrx_queue_info, why_not)};
	for (size_t n = 0; n < 2; n++) {
		i.known.size = no_versions[n];
		assert_int_equal(zcrx_queue_info(q, &i.known), -EINVAL);
	}
	zcrx_queue_close(q);
}

static void closing_asks_the_daemon_first(void **state)
{
	(void)state;
	struct zcrx_queue *q;
	assert_int_equal(zcrx_queue_open(z, &q, a, NULL), 0);
	zcrx_queue_close(q);
	assert_int_equal(fake_last_request(&fake).queue_close.queue_id, FAKE_QUEUE_ID);
	zcrx_queue_close(NULL);
	assert_int_equal(fake_requests(&fake, MSG_QUEUE_CLOSE), 1);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_layout_that_does_not_fit_its_files_is_refused),
		TEST(files_that_can_shrink_or_are_none_are_refused),
		TEST(a_side_buffer_that_does_not_fit_is_refused),
		TEST(missing_descriptors_end_the_connection),
		TEST(options_reach_the_daemon),
		TEST(options_of_a_newer_release_pass_if_the_news_are_unused),
		TEST(impossible_options_are_refused_here),
		TEST(info_tells_the_reply_and_the_counters),
		TEST(info_of_another_release_is_filled_as_far_as_known),
		TEST(closing_asks_the_daemon_first),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
