/* SPDX-License-Identifier: MIT */
/*
 * The broker is killed again and again; nobody's stream ends, nobody's account changes, and nobody
 * who comes is turned away.
 */
#include <errno.h>
#include <json-c/json.h>
#include <pthread.h>
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
#include <zcrx.h>

#include "tests/harness/receive.h"
#include "tests/hostile/neighbour.h"
#include "tests/hostile/raw.h"
#include "tests/hostile/transfer.h"
#include "tests/hostile/world.h"

enum {
	CLIENTS = 4,
	FLOWS = 4,
	KILLS = 20,
	LIFE_MOST_US = 50000,
	ABSENT_MOST_US = 50000,
	START_MOST_US = 10000, /* it is ready after 5 ms or so */
	STARTS = 5,
	COMERS = 4, /* clients that connect while the broker is killed */
	/*
	 * With the streams, whose threads want all processors, a new client is served after 2 to 15
	 * times as long as without them, the middle of each taken.
	 */
	TIMES_AS_LONG = 200,
	TRIES_MS = 3000, /* for so long zcrx_connect() tries again */
	AREA = 256 * 1024
};

static int kills = KILLS;
static struct transfer transfers[CLIENTS];

/* ---- who comes while the broker is killed ---- */

struct comer {
	pthread_t thread;
	bool stop; /* shared */
	unsigned served;
	char trouble[300]; /* "": none */
};

/*
 * A client that connects again and again, and is served each time: an area is the broker's to
 * charge. If zcrx_connect() gives up after it has tried for as long as it does, this machine is
 * slow: zcrxd took longer to start.
 */
static void *come(void *data)
{
	struct comer *c = data;
	while (!__atomic_load_n(&c->stop, __ATOMIC_RELAXED) && !*c->trouble) {
		struct zcrx *z = NULL;
		struct zcrx_area *a;
		uint64_t since = harness_now_ms();
		int r = zcrx_connect(&z, zcrxd.socket);
		if (r < 0 && harness_now_ms() - since >= TRIES_MS)
			continue;
		if (r == 0)
			r = zcrx_area_new(z, &a, 1, 0);
		if (r < 0)
			snprintf(c->trouble, sizeof(c->trouble), "%s%s",
				 z ? "" : "connecting: ", zcrx_error(z));
		c->served += r == 0;
		zcrx_close(z);
	}
	return NULL;
}

static void nobody_is_turned_away(void **state)
{
	static struct comer comers[COMERS]; /* they go on if an assertion fails */
	unsigned served = 0;
	(void)state;
	for (int i = 0; i < COMERS; i++)
		assert_int_equal(pthread_create(&comers[i].thread, NULL, come, &comers[i]), 0);
	for (int i = 0; i < kills; i++) {
		usleep((useconds_t)random() % LIFE_MOST_US);
		harness_broker_end(&zcrxd);
		if (random() % 2)
			harness_broker_start_in_vain(&zcrxd, (useconds_t)random() % START_MOST_US);
		usleep((useconds_t)random() % ABSENT_MOST_US);
		harness_broker_start(&zcrxd);
	}
	for (int i = 0; i < COMERS; i++)
		__atomic_store_n(&comers[i].stop, true, __ATOMIC_RELAXED);
	for (int i = 0; i < COMERS; i++) {
		assert_int_equal(pthread_join(comers[i].thread, NULL), 0);
		assert_string_equal(comers[i].trouble, "");
		served += comers[i].served;
	}
	print_message("%u clients were served while the broker was killed\n", served);
	assert_true(served > 0);
}

/* ---- who is there ---- */

/* Writes these members of the object, each on a line. */
static void tell(FILE *f, struct json_object *o, const char *const *keys)
{
	for (; *keys; keys++)
		fprintf(f, "%s: %s\n", *keys,
			json_object_to_json_string(json_object_object_get(o, *keys)));
}

static struct json_object *each(struct json_object *o, const char *key, size_t i)
{
	return json_object_array_get_idx(json_object_object_get(o, key), i);
}

static unsigned tell_client(FILE *f, struct json_object *client)
{
	struct json_object *queue, *flow;
	unsigned flows = 0;
	tell(f, client, (const char *[]){"id", "pid", "uid", "class", "pump", NULL});
	for (size_t q = 0; (queue = each(client, "queues", q)); q++) {
		tell(f, queue, (const char *[]){"id", "backend", NULL});
		for (size_t i = 0; (flow = each(queue, "flows", i)); i++, flows++)
			tell(f, flow, (const char *[]){"id", "local", "remote", NULL});
	}
	return flows;
}

/* The broker does not take its pumps over in the order of their clients. */
static int by_id(const void *a, const void *b)
{
	struct json_object *const *x = a, *const *y = b;
	return json_object_get_int(json_object_object_get(*x, "id")) -
	       json_object_get_int(json_object_object_get(*y, "id"));
}

/* What the status says but for what counts up, and how many flows there are. The caller frees it.
 */
static char *facts(unsigned *ret_flows)
{
	char *text = world_status(), *ret = NULL;
	struct json_object *o = json_tokener_parse(text), *client;
	size_t bytes;
	FILE *f = open_memstream(&ret, &bytes);
	assert_true(o && f);
	*ret_flows = 0;
	json_object_array_sort(json_object_object_get(o, "clients"), by_id);
	tell(f, each(o, "classes", 0), (const char *[]){"name", "used", NULL});
	for (size_t i = 0; (client = each(o, "clients", i)); i++)
		*ret_flows += tell_client(f, client);
	assert_int_equal(fclose(f), 0);
	json_object_put(o);
	free(text);
	return ret;
}

static bool facts_are(const char *before)
{
	unsigned flows;
	char *now = facts(&flows);
	bool same = strcmp(now, before) == 0;
	free(now);
	return same;
}

static bool flows_are(unsigned wanted)
{
	unsigned flows;
	free(facts(&flows));
	return flows == wanted;
}

/* Somebody comes as soon as there is a broker. Returns how long its start and that took, in ms. */
static uint64_t started_and_serves(void)
{
	struct raw r;
	struct raw_queue q;
	uint64_t since = harness_now_ms();
	harness_broker_start(&zcrxd);
	raw_connect(&r);
	raw_queue_open(&q, &r, AREA, 0, 0);
	uint64_t took = harness_now_ms() - since;
	raw_queue_drop(&q);
	raw_close(&r);
	return took;
}

static int compare(const void *a, const void *b)
{
	const uint64_t *x = a, *y = b;
	return (*x > *y) - (*x < *y);
}

/* The middle one of n times; the longest is printed. */
static uint64_t middle(const char *when, uint64_t *ms, int n)
{
	qsort(ms, (size_t)n, sizeof(*ms), compare);
	print_message("%s a new client is served after %ju ms, after %ju at most\n", when,
		      (uintmax_t)ms[n / 2], (uintmax_t)ms[n - 1]);
	return ms[n / 2];
}

static uint64_t start_without_streams(void)
{
	uint64_t ms[STARTS];
	for (int i = 0; i < STARTS; i++) {
		harness_broker_end(&zcrxd);
		ms[i] = started_and_serves();
	}
	WORLD_UNTIL(world_clients() == 1);
	return middle("without streams", ms, STARTS);
}

/* At a random moment, sometimes of the start, too; the one that stays away is not missed. */
static void broker_gone(const struct neighbour *n)
{
	usleep((useconds_t)random() % LIFE_MOST_US);
	harness_broker_end(&zcrxd);
	if (random() % 2)
		harness_broker_start_in_vain(&zcrxd, (useconds_t)random() % START_MOST_US);
	uint64_t rounds = neighbour_rounds(n) + 2;
	usleep((useconds_t)random() % ABSENT_MOST_US);
	WORLD_UNTIL(neighbour_rounds(n) > rounds || neighbour_trouble(n));
	for (int i = 0; i < CLIENTS; i++)
		transfer_goes_on(&transfers[i]);
}

static void end_streams(void)
{
	uint64_t longest_ns = 0, all = 0, bytes;
	for (int i = 0; i < CLIENTS; i++) {
		uint64_t stall_ns = transfer_end(&transfers[i], &bytes);
		longest_ns = stall_ns > longest_ns ? stall_ns : longest_ns;
		all += bytes;
	}
	print_message("the longest stall of a client: %ju ms; %ju MiB\n",
		      (uintmax_t)longest_ns / 1000000, (uintmax_t)all >> 20);
}

/*
 * The receivers compare every byte with what the sender made at that place of that stream. No two
 * streams have the same bytes, and at the end the receivers have had as many as were sent. So the
 * streams are equal, of which equal SHA-256 sums would only be a sign.
 */
static void nobodys_stream_ends_with_the_broker(void **state)
{
	unsigned flows;
	uint64_t *ms = calloc((size_t)kills, sizeof(*ms));
	(void)state;
	assert_non_null(ms);
	uint64_t alone = start_without_streams();
	struct neighbour *n = neighbour_start(zcrxd.socket);
	for (int i = 0; i < CLIENTS; i++)
		transfer_start(&transfers[i], zcrxd.socket, (unsigned)i, FLOWS);
	/* A listener is a flow, and both neighbours have one. */
	WORLD_UNTIL(flows_are(CLIENTS * (FLOWS + 1) + 2));
	char *before = facts(&flows);
	srandom(1);
	for (int i = 0; i < kills; i++) {
		broker_gone(n);
		ms[i] = started_and_serves();
		WORLD_UNTIL(facts_are(before));
	}
	assert_true(middle("with them", ms, kills) <= (alone + 1) * TIMES_AS_LONG);
	end_streams();
	neighbour_stop(n);
	free(before);
	free(ms);
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
	harness_expect_why_lost(&r, "zcrxd ended, and no other came within orphan-seconds.");
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

/* The lowest number that is free, once the pump has closed what it sent. */
static rlim_t first_free(pid_t pump)
{
	char path[64], is[64];
	rlim_t first = 0, before = 0;
	do {
		before = first;
		usleep(100000);
		for (first = 0; first < 1000; first++) {
			snprintf(path, sizeof(path), "/proc/%d/fd/%d", (int)pump, (int)first);
			if (readlink(path, is, sizeof(is)) < 0)
				break;
		}
	} while (first != before);
	return first;
}

/*
 * One that may open no descriptor cannot make the link that the broker after the next takes. Its
 * limit is the first number that is free; a queue that is closed frees others below.
 */
static void a_pump_makes_its_next_link_as_soon_as_it_can(void **state)
{
	struct harness_daemon d;
	struct harness_receiver r = {0};
	pid_t all[2];
	(void)state;
	harness_daemon_start(&d, NULL);
	harness_receiver_open(&r, &d, AREA, NULL);
	assert_int_equal(harness_daemon_processes(&d, all, 2), 2);
	rlim_t free_from = first_free(all[1]);
	const struct rlimit full = {free_from, free_from};
	assert_int_equal(prlimit(all[1], RLIMIT_NOFILE, &full, NULL), 0);
	harness_broker_kill(&d, 0);
	WORLD_UNTIL(has_next(all[1], "/memfd:")); /* it has tried in vain */
	zcrx_queue_close(r.q);
	assert_int_equal(zcrx_area_free(r.area), 0);
	WORLD_UNTIL(has_next(all[1], "socket:"));
	harness_broker_kill(&d, 0);
	assert_int_equal(kill(all[1], 0), 0);
	assert_int_equal(zcrx_area_new(r.z, &r.area, AREA, 0), 0);
	zcrx_close(r.z);
	harness_daemon_stop(&d);
}

/* Who comes while the broker is killed comes more often than anybody may by default. */
static int setup(void **state)
{
	(void)state;
	world_start("[class default]\nconnections-per-second=100000\n");
	return 0;
}

/* The argument: how often the broker is killed. */
int main(int argc, char **argv)
{
	kills = argc > 1 ? atoi(argv[1]) : KILLS;
	const struct CMUnitTest tests[] = {
		WORLD_CASE(nobodys_stream_ends_with_the_broker),
		WORLD_CASE(nobody_is_turned_away),
		WORLD_CASE(a_client_without_a_broker_ends_in_time),
		WORLD_CASE(a_pump_makes_its_next_link_as_soon_as_it_can),
	};
	return cmocka_run_group_tests(tests, setup, world_teardown);
}
