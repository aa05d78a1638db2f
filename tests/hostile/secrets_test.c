/* SPDX-License-Identifier: MIT */
/*
 * Nothing is disclosed: a marker is planted in the daemon's environment, in its configuration, in
 * the name, the area and the streams of another client, and looked for in everything that a client
 * can map or is sent; so are addresses of the daemon's memory.
 */
#include <errno.h>
#include <grp.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "tests/hostile/raw.h"
#include "tests/hostile/world.h"

#define MARKER "zq9s3cr3t"

#define CONFIG                    \
	"# " MARKER "\n"          \
	"[sockets]\n"             \
	"mode=0666\n"             \
	"[class " MARKER "]\n"    \
	"users=4242\n"            \
	"remote=192.0.2.0/24:1\n" \
	"[class default]\n"       \
	"requests-per-second=10000\n"

enum {
	BUFFERS = 16,
	PIECES = 10, /* each in a buffer of its own */
	PIECE = 100,
	MAPS_MAX = 1024,
	NOBODY = 65534,
	UNTOUCHED = 0xa5
};

static size_t page;
static struct raw victim, r;
static struct raw_queue owned, q; /* the victim's, ours */
static int victims[2], ours[2];   /* sender, adopted */

/* ---- what is looked for ---- */

static bool holds_marker(const void *at, size_t bytes)
{
	return memmem(at, bytes, MARKER, strlen(MARKER)) != NULL;
}

struct range {
	uint64_t from, to;
};

/* The ranges of the daemon's memory, without low ones that a sanitizer reserves: small numbers lie
 * there. */
static size_t ranges_of_daemon(struct range ranges[MAPS_MAX])
{
	char path[64], line[512];
	size_t n = 0;
	snprintf(path, sizeof(path), "/proc/%d/maps", (int)zcrxd.pid);
	FILE *f = fopen(path, "re");
	while (f && n < MAPS_MAX && fgets(line, sizeof(line), f)) {
		char *rest;
		ranges[n].from = strtoull(line, &rest, 16);
		ranges[n].to = strtoull(rest + 1, NULL, 16);
		n += ranges[n].from >= 1ull << 46;
	}
	if (f)
		fclose(f);
	assert_true(n > 0);
	return n;
}

static bool is_address(const struct range *ranges, size_t n, uint64_t word)
{
	if (word < ranges[0].from || word >= ranges[n - 1].to) /* they are in order */
		return false;
	for (size_t i = 0; i < n; i++)
		if (word >= ranges[i].from && word < ranges[i].to)
			return true;
	return false;
}

/* Looks at all of a file, also at what the client was not told to map. */
static void file_discloses_nothing(int fd, size_t told)
{
	struct range ranges[MAPS_MAX];
	struct stat st;
	assert_int_equal(fstat(fd, &st), 0);
	assert_int_equal(st.st_size, told);
	const char *at = mmap(NULL, told, PROT_READ, MAP_SHARED, fd, 0);
	assert_ptr_not_equal(at, MAP_FAILED);
	assert_false(holds_marker(at, told));
	size_t n = ranges_of_daemon(ranges);
	for (size_t i = 0; i + 8 <= told; i += 8) {
		uint64_t word;
		memcpy(&word, at + i, sizeof(word));
		if (is_address(ranges, n, word))
			fail_msg("byte %zu holds an address of the daemon's", i);
	}
	munmap((void *)(uintptr_t)at, told);
}

static void queue_discloses_nothing(void)
{
	file_discloses_nothing(q.cq_fd, q.at.cq_map_bytes);
	file_discloses_nothing(q.rq_fd, q.at.rq_map_bytes);
}

/* ---- the world ---- */

static void victim_comes(void)
{
	char data[8192];
	raw_connect_mutely(&victim);
	union msg_any m = {.hello = {.version_min = 1, .version_max = 1, .name = MARKER}};
	assert_int_equal(raw_request(&victim, MSG_HELLO, &m, -1, NULL), 0);
	raw_queue_open(&owned, &victim, BUFFERS * page, (uint32_t)page, 0);
	for (size_t i = 0; i < owned.area_bytes; i += 16)
		memcpy(owned.area + i, MARKER "       ", 16);
	for (size_t i = 0; i < sizeof(data); i += 16)
		memcpy(data + i, MARKER "       ", 16);
	harness_pair(victims);
	raw_adopt(&owned, victims[1], 0);
	assert_int_equal(send(victims[0], data, sizeof(data), MSG_NOSIGNAL), sizeof(data));
	struct raw_data d;
	WORLD_UNTIL(raw_take(&owned, &d));
}

static void victim_goes(void)
{
	raw_close(&victim);
	raw_queue_drop(&owned);
	close(victims[0]);
	close(victims[1]);
	victim.sock = -1;
}

static int open_case(void **state)
{
	(void)state;
	page = (size_t)sysconf(_SC_PAGESIZE);
	victim_comes();
	raw_connect(&r);
	raw_queue_open(&q, &r, BUFFERS * page, (uint32_t)page, 64);
	memset(q.area, UNTOUCHED, q.area_bytes);
	harness_pair(ours);
	return 0;
}

static int close_case(void **state)
{
	world_is_well();
	raw_queue_drop(&q);
	raw_close(&r);
	close(ours[0]);
	close(ours[1]);
	if (victim.sock >= 0)
		victim_goes();
	return world_is_empty(state);
}

static int group_setup(void **state)
{
	(void)state;
	setenv("ZCRX_TEST_SECRET", MARKER, 1);
	world_start(CONFIG);
	return 0;
}

/* ---- cases ---- */

static void a_new_queue_is_empty(void **state)
{
	(void)state;
	queue_discloses_nothing();
	for (size_t i = 0; i < q.at.rq_map_bytes; i++)
		assert_int_equal(q.rq[i], 0);
	for (size_t i = 0; i < q.at.cq_entries * q.at.cqe_bytes; i++)
		assert_int_equal(q.cq[q.at.cq_cqes + i], 0);
}

static void rings_in_use_hold_nothing_of_others(void **state)
{
	(void)state;
	for (uint64_t i = 0; i < 20; i++) {
		int pair[2];
		harness_pair(pair);
		uint32_t flow = raw_adopt(&q, pair[1], 0);
		struct harness_sender *s = harness_send(pair[0], i, 100000, HARNESS_STAY);
		raw_stream(&q, flow, i, 0, 100000);
		assert_int_equal(harness_send_wait(s), 0);
		/* The flow is cancelled, so the ring also has what cancelling leaves there. */
		assert_int_equal(raw_flow_close(&r, flow, MSG_CLOSE_ABORT), 0);
		close(pair[0]);
		close(pair[1]);
	}
	queue_discloses_nothing();
}

static void an_area_holds_nothing_but_its_own_data(void **state)
{
	(void)state;
	bool named[BUFFERS * 4096] = {false};
	char data[PIECE];
	assert_true(q.area_bytes <= sizeof(named));
	raw_adopt(&q, ours[1], 0);
	for (uint64_t i = 0; i < PIECES; i++) {
		struct raw_data d;
		harness_pattern(data, 1, i * PIECE, PIECE);
		assert_int_equal(send(ours[0], data, PIECE, MSG_NOSIGNAL), PIECE);
		WORLD_UNTIL(raw_take(&q, &d));
		assert_true(harness_pattern_is(q.area + d.off, 1, i * PIECE, d.bytes));
		memset(named + d.off, true, d.bytes);
	}
	for (size_t i = 0; i < q.area_bytes; i++)
		if (!named[i] && (uint8_t)q.area[i] != UNTOUCHED)
			fail_msg("byte %zu was written and never named", i);
}

static void what_a_client_left_is_not_found_by_the_next(void **state)
{
	(void)state;
	victim_goes();
	WORLD_UNTIL(world_clients() == 2);
	for (int i = 0; i < 20; i++) {
		raw_queue_drop(&q);
		WORLD_UNTIL(world_queues() == 1);
		raw_queue_open(&q, &r, BUFFERS * page, (uint32_t)page, i % 2 ? 0 : 32768);
		queue_discloses_nothing();
		assert_false(holds_marker(q.area, q.area_bytes));
	}
}

/* A text field: nothing lies behind its end. */
static void is_padded(const char *text, size_t room)
{
	size_t len = strnlen(text, room);
	assert_true(len < room);
	for (size_t i = len; i < room; i++)
		assert_int_equal(text[i], 0);
}

static void reply_is_clean(const union msg_any *m)
{
	assert_false(holds_marker(m, m->hdr.size));
	if (m->hdr.error) {
		assert_int_equal(m->hdr.size, sizeof(m->fail));
		is_padded(m->fail.text, sizeof(m->fail.text));
	}
}

/* Whatever is asked, with objects that exist or are the victim's. */
static void replies_tell_nothing_of_others(void **state)
{
	(void)state;
	for (uint16_t type = MSG_AREA_ADD; type <= MSG_FLOW_CLOSE; type++)
		for (uint32_t id = 0; id < 8; id++)
			for (uint32_t value = 0; value < 4; value++) {
				union msg_any m = {0};
				if (type == MSG_QUEUE_CLOSE)
					continue;
				m.words[2] = id | (uint64_t)value << 32;
				raw_request(&r, type, &m, -1, NULL);
				reply_is_clean(&m);
			}
	union msg_any m = {.queue_close = {.queue_id = owned.id + 1000}};
	raw_request(&r, MSG_QUEUE_CLOSE, &m, -1, NULL);
	reply_is_clean(&m);
}

static void replies_that_grant_are_clean(void **state)
{
	(void)state;
	struct raw other;
	raw_connect_mutely(&other);
	union msg_any m = {.hello = {.version_min = 1, .version_max = 1}};
	assert_int_equal(raw_request(&other, MSG_HELLO, &m, -1, NULL), 0);
	reply_is_clean(&m);
	assert_int_equal(m.hello_reply.pad, 0);
	is_padded(m.hello_reply.server, sizeof(m.hello_reply.server));
	int fd = raw_memfd(BUFFERS * page), fds[MSG_FDS_MAX];
	raw_touch(fd, 0, BUFFERS * page);
	uint32_t area = raw_area_add(&other, fd, BUFFERS * page);
	m = (union msg_any){.queue_open = {.area_id = area}};
	assert_int_equal(raw_request(&other, MSG_QUEUE_OPEN, &m, -1, fds), 0);
	reply_is_clean(&m);
	assert_int_equal(m.queue_open_reply.pad, 0);
	assert_int_equal(m.queue_open_reply.rings.pad, 0);
	is_padded(m.queue_open_reply.why_text, sizeof(m.queue_open_reply.why_text));
	m = (union msg_any){.flow_adopt = {.queue_id = m.queue_open_reply.queue_id}};
	assert_int_equal(raw_request(&other, MSG_FLOW_ADOPT, &m, ours[1], NULL), 0);
	reply_is_clean(&m);
	assert_int_equal(m.flow_reply.pad, 0);
	static const uint8_t none[12];
	assert_memory_equal(m.flow_reply.local.ip + 4, none, 12);
	assert_memory_equal(m.flow_reply.remote.ip + 4, none, 12);
	for (int i = 0; i < 3; i++)
		close(fds[i]);
	close(fd);
	raw_close(&other);
}

static void events_are_clean(void **state)
{
	(void)state;
	union msg_any m;
	raw_adopt(&q, ours[1], 0);
	shutdown(ours[0], SHUT_WR);
	raw_event(&q, &m, NULL);
	assert_int_equal(m.hdr.type, MSG_FLOW_CLOSED);
	assert_false(holds_marker(&m, m.hdr.size));
	assert_int_equal(m.flow_closed.pad, 0);
	is_padded(m.flow_closed.text, sizeof(m.flow_closed.text));
}

/* As another user: 0 or the errno of connecting. */
static int connect_as_nobody(const char *path, int type)
{
	int status = -1;
	pid_t pid = fork();
	if (pid == 0) {
		struct sockaddr_un at = {.sun_family = AF_UNIX};
		memcpy(at.sun_path, path, strlen(path));
		int sock = socket(AF_UNIX, type, 0);
		if (setgroups(0, NULL) < 0 || setgid(NOBODY) < 0 || setuid(NOBODY) < 0)
			_exit(255);
		_exit(connect(sock, (struct sockaddr *)&at, sizeof(at)) < 0 ? errno : 0);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	return WEXITSTATUS(status);
}

static void the_status_is_not_for_whoever_may_be_a_client(void **state)
{
	(void)state;
	if (geteuid() != 0) {
		print_message("skip: only root can become another user\n");
		skip();
	}
	assert_int_equal(chmod(zcrxd.dir, 0755), 0);
	assert_int_equal(connect_as_nobody(zcrxd.socket, SOCK_SEQPACKET), 0);
	assert_int_equal(connect_as_nobody(zcrxd.status, SOCK_STREAM), EACCES);
	char *text = world_status();
	assert_non_null(strstr(text, MARKER)); /* or this test would see nothing at all */
	free(text);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, open_case, close_case)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(a_new_queue_is_empty),
		CASE(rings_in_use_hold_nothing_of_others),
		CASE(an_area_holds_nothing_but_its_own_data),
		CASE(what_a_client_left_is_not_found_by_the_next),
		CASE(replies_tell_nothing_of_others),
		CASE(replies_that_grant_are_clean),
		CASE(events_are_clean),
		CASE(the_status_is_not_for_whoever_may_be_a_client),
	};
	return cmocka_run_group_tests(tests, group_setup, world_teardown);
}
