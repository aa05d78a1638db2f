/* SPDX-License-Identifier: MIT */
/* The broker is killed again and again; nobody's stream ends, and nobody's account changes. */
#include <errno.h>
#include <json-c/json.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "tests/harness/receive.h"
#include "tests/hostile/neighbour.h"
#include "tests/hostile/raw.h"
#include "tests/hostile/world.h"

enum {
	CLIENTS = 4, /* and the world's neighbour */
	KILLS = 20,
	LIFE_MOST_US = 50000,
	ABSENT_MOST_US = 50000,
	STALL_MAX_MS = 30000, /* a machine may be 1000 times as slow: one round takes 10 ms or so */
	AREA = 256 * 1024
};

static struct neighbour *clients[CLIENTS];

/* What all users of the class have, as text. */
static char *used(void)
{
	char *text = world_status();
	struct json_object *o = json_tokener_parse(text);
	assert_non_null(o);
	struct json_object *class =
		json_object_array_get_idx(json_object_object_get(o, "classes"), 0);
	char *copy = strdup(json_object_to_json_string(json_object_object_get(class, "used")));
	json_object_put(o);
	free(text);
	return copy;
}

static bool used_is(const char *before)
{
	char *now = used();
	bool same = strcmp(now, before) == 0;
	free(now);
	return same;
}

/* Each brings something more, while there is a broker or none. Returns how long that took. */
static uint64_t all_go_on(void)
{
	uint64_t before[CLIENTS], since = harness_now_ms();
	for (int i = 0; i < CLIENTS; i++)
		before[i] = neighbour_rounds(clients[i]);
	for (int i = 0; i < CLIENTS; i++)
		while (neighbour_rounds(clients[i]) < before[i] + 2) {
			if (neighbour_trouble(clients[i]))
				fail_msg("client %d suffers: %s", i, neighbour_trouble(clients[i]));
			if (harness_now_ms() > since + STALL_MAX_MS)
				fail_msg("client %d stands still", i);
			usleep(500);
		}
	return harness_now_ms() - since;
}

static void nobodys_stream_ends_with_the_broker(void **state)
{
	uint64_t longest_ms = 0;
	(void)state;
	for (int i = 0; i < CLIENTS; i++)
		clients[i] = neighbour_start(zcrxd.socket);
	char *before = used();
	srandom(1);
	for (int i = 0; i < KILLS; i++) {
		usleep((useconds_t)random() % LIFE_MOST_US);
		uint64_t since = harness_now_ms();
		harness_broker_kill(&zcrxd, (useconds_t)random() % ABSENT_MOST_US);
		uint64_t took = all_go_on();
		longest_ms = took > longest_ms ? took : longest_ms;
		WORLD_UNTIL(world_clients() == CLIENTS + 1 && world_queues() == CLIENTS + 1);
		WORLD_UNTIL(used_is(before)); /* the pumps say it */
		struct raw r;                 /* whoever comes is served */
		struct raw_queue q;
		raw_connect(&r);
		raw_queue_open(&q, &r, AREA, 0, 0);
		raw_queue_drop(&q);
		raw_close(&r);
		WORLD_UNTIL(world_clients() == CLIENTS + 1);
		print_message("kill %d: %ju ms\n", i, (uintmax_t)(harness_now_ms() - since));
	}
	print_message("the longest wait for two rounds: %ju ms\n", (uintmax_t)longest_ms);
	free(before);
	for (int i = 0; i < CLIENTS; i++)
		neighbour_stop(clients[i]);
}

static void a_client_without_a_broker_ends_in_time(void **state)
{
	struct harness_daemon d;
	struct harness_receiver r = {0};
	pid_t all[2];
	(void)state;
	harness_daemon_start(&d, "[pumps]\norphan-seconds=2\n");
	harness_receiver_open(&r, &d, AREA, NULL);
	assert_int_equal(harness_daemon_processes(&d, all, 2), 2);
	uint64_t since = harness_now_ms();
	assert_int_equal(kill(d.pid, SIGKILL), 0);
	assert_int_equal(waitpid(d.pid, NULL, 0), d.pid);
	while (!r.lost && harness_now_ms() < since + HARNESS_PATIENCE_MS)
		harness_receive_for(&r, 10);
	assert_int_equal(r.lost, -ESHUTDOWN);
	assert_true(harness_now_ms() >= since + 1900);
	zcrx_close(r.z);
	WORLD_UNTIL(kill(all[1], 0) < 0);
	harness_broker_start(&d);
	harness_daemon_stop(&d);
}

/* What the pump has at number 6 begins so. */
static bool has_next(pid_t pump, const char *what)
{
	char path[64], is[64] = "";
	snprintf(path, sizeof(path), "/proc/%d/fd/6", (int)pump);
	return readlink(path, is, sizeof(is) - 1) > 0 && strncmp(is, what, strlen(what)) == 0;
}

/* One that may open no descriptor cannot make the link that the broker after the next takes. */
static void a_pump_makes_its_next_link_as_soon_as_it_can(void **state)
{
	struct harness_daemon d;
	struct harness_receiver r = {0};
	struct rlimit before;
	pid_t all[2];
	(void)state;
	harness_daemon_start(&d, NULL);
	harness_receiver_open(&r, &d, AREA, NULL);
	assert_int_equal(harness_daemon_processes(&d, all, 2), 2);
	assert_int_equal(prlimit(all[1], RLIMIT_NOFILE, NULL, &before), 0);
	const struct rlimit none = {.rlim_cur = 7, .rlim_max = before.rlim_max};
	assert_int_equal(prlimit(all[1], RLIMIT_NOFILE, &none, NULL), 0);
	harness_broker_kill(&d, 0);
	WORLD_UNTIL(has_next(all[1], "/memfd:")); /* it has tried in vain */
	assert_int_equal(prlimit(all[1], RLIMIT_NOFILE, &before, NULL), 0);
	WORLD_UNTIL(has_next(all[1], "socket:"));
	harness_broker_kill(&d, 0);
	harness_receive_for(&r, 100);
	assert_int_equal(r.lost, 0);
	assert_int_equal(kill(all[1], 0), 0);
	zcrx_close(r.z);
	harness_daemon_stop(&d);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		WORLD_CASE(nobodys_stream_ends_with_the_broker),
		WORLD_CASE(a_client_without_a_broker_ends_in_time),
		WORLD_CASE(a_pump_makes_its_next_link_as_soon_as_it_can),
	};
	return cmocka_run_group_tests(tests, world_setup, world_teardown);
}
