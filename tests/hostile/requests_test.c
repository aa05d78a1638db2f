/* SPDX-License-Identifier: MIT */
/* Requests that are under way when the broker is killed: each is carried out, once, or refused. */
#include <errno.h>
#include <json-c/json.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "tests/harness/receive.h"
#include "tests/hostile/world.h"

enum {
	KILLS = 20,
	LIFE_MOST_US = 300000, /* requests go on half a second or so after a broker came */
	ABSENT_MOST_US = 50000,
	AREA = 256 * 1024
};

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

struct opener {
	pthread_t thread;
	struct zcrx *z;
	bool stop; /* atomic */
	int rounds, error;
	const char *what;
};

static bool opens(struct opener *o)
{
	struct zcrx_area *area;
	struct zcrx_queue *q;
	o->what = "AREA_ADD";
	o->error = zcrx_area_new(o->z, &area, AREA, 0);
	if (o->error)
		return false;
	o->what = "QUEUE_OPEN";
	o->error = zcrx_queue_open(o->z, &q, area, NULL);
	if (o->error)
		return false;
	zcrx_queue_close(q);
	o->what = "AREA_DEL";
	o->error = zcrx_area_free(area);
	return o->error == 0;
}

static void *open_and_close(void *data)
{
	struct opener *o = data;
	while (!__atomic_load_n(&o->stop, __ATOMIC_ACQUIRE) && opens(o))
		__atomic_add_fetch(&o->rounds, 1, __ATOMIC_RELEASE);
	return NULL;
}

static void each_request_is_carried_out_once(void **state)
{
	struct opener all[2] = {0};
	(void)state;
	char *before = used();
	for (int i = 0; i < 2; i++) {
		assert_int_equal(zcrx_connect(&all[i].z, zcrxd.socket), 0);
		assert_int_equal(pthread_create(&all[i].thread, NULL, open_and_close, &all[i]), 0);
	}
	for (int i = 0; i < KILLS; i++) {
		usleep((useconds_t)random() % LIFE_MOST_US);
		harness_broker_kill(&zcrxd, (useconds_t)random() % ABSENT_MOST_US);
	}
	for (int i = 0; i < 2; i++) {
		__atomic_store_n(&all[i].stop, true, __ATOMIC_RELEASE);
		pthread_join(all[i].thread, NULL);
		if (all[i].error)
			fail_msg("%s after %d rounds: %d, %s", all[i].what, all[i].rounds,
				 all[i].error, zcrx_error(all[i].z));
		print_message("%d rounds\n", all[i].rounds);
		zcrx_close(all[i].z);
	}
	WORLD_UNTIL(world_clients() == 1);
	WORLD_UNTIL(used_is(before));
	free(before);
}

/* How many sockets of this machine wait until they are connected to this port. */
static int connecting_to(uint16_t port)
{
	FILE *f = fopen("/proc/net/tcp", "re");
	char line[256];
	unsigned to, tcp_state;
	int n = 0;
	while (f && fgets(line, sizeof(line), f))
		n += sscanf(line, "%*s %*s %*8s:%x %x", &to, &tcp_state) == 2 && to == port &&
		     tcp_state == 2;
	if (f)
		fclose(f);
	return n;
}

struct connecting {
	struct harness_receiver r;
	struct sockaddr_in to;
	int result;
};

static void *connect_one(void *data)
{
	struct connecting *c = data;
	struct zcrx_flow *f;
	c->result = zcrx_flow_connect(c->r.q, &f, (struct sockaddr *)&c->to, sizeof(c->to),
				      ZCRX_FLOW_HOST, NULL);
	return NULL;
}

/* The peer's backlog is full: it does not answer. */
static void a_connection_that_is_being_made_is_refused_and_can_be_asked_for_again(void **state)
{
	struct harness_daemon d;
	struct connecting c = {0};
	int peer = harness_listen(&c.to), fillers[512], n = 0;
	pthread_t thread;
	(void)state;
	assert_int_equal(listen(peer, 0), 0);
	harness_daemon_start(&d, "[class default]\nhost-flows=yes\n");
	harness_receiver_open(&c.r, &d, AREA, NULL);
	while (n < 512 && connecting_to(ntohs(c.to.sin_port)) == 0) {
		fillers[n] = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
		(void)connect(fillers[n++], (struct sockaddr *)&c.to, sizeof(c.to));
	}
	assert_int_equal(pthread_create(&thread, NULL, connect_one, &c), 0);
	WORLD_UNTIL(connecting_to(ntohs(c.to.sin_port)) > 1);
	harness_broker_kill(&d, 0);
	pthread_join(thread, NULL);
	assert_int_equal(c.result, -ECONNABORTED);
	assert_non_null(strstr(zcrx_error(c.r.z), "again"));
	close(peer);
	while (n > 0)
		close(fillers[--n]);
	peer = harness_listen(&c.to);
	connect_one(&c);
	assert_int_equal(c.result, 0);
	close(peer);
	harness_receiver_close(&c.r);
	harness_daemon_stop(&d);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		WORLD_CASE(each_request_is_carried_out_once),
		WORLD_CASE(a_connection_that_is_being_made_is_refused_and_can_be_asked_for_again),
	};
	return cmocka_run_group_tests(tests, world_setup, world_teardown);
}
