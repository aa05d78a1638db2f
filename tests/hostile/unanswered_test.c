/* SPDX-License-Identifier: MIT */
/*
 * The broker is stopped or killed while a queue needs its answer for the connections that it
 * accepts: the queue's other stream goes on, and whatever the client does meanwhile, nothing stays
 * charged. The same with rules of a NIC: tests/zcrx/unanswered.py.
 */
#include <fcntl.h>
#include <json-c/json.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "tests/hostile/raw.h"
#include "tests/hostile/world.h"

enum {
	AREA = 256 * 1024,
	PIECE = 16 * 1024,
	PIECES = 8,
	ROUNDS = 5,
	PEERS = 12, /* more than are charged ahead */
	SEED = 7,
	MEANWHILE_US = 20000 /* by far enough for a queue that waits for connections */
};

struct client {
	struct raw r;
	struct raw_queue q;
	int peer, listener;
	uint32_t flow, listens;
	uint64_t at; /* of the stream */
	int peers[PEERS];
};

static struct sockaddr_in where;

/* ---- the broker ---- */

struct way {
	void (*goes)(void);
	void (*comes)(void);
};

static void stops(void)
{
	assert_int_equal(kill(zcrxd.pid, SIGSTOP), 0);
}

static void continues(void)
{
	assert_int_equal(kill(zcrxd.pid, SIGCONT), 0);
}

static void is_killed(void)
{
	harness_broker_end(&zcrxd);
}

static void is_started(void)
{
	harness_broker_start(&zcrxd);
}

static const struct way ways[] = {{stops, continues}, {is_killed, is_started}};

enum {
	WAYS = sizeof(ways) / sizeof(ways[0])
};

/* What the classes use, as text. The caller frees it. */
static char *used(void)
{
	char *text = world_status();
	struct json_object *o = json_tokener_parse(text), *classes, *class;
	char *ret = calloc(1, 4096);
	assert_true(o && ret);
	classes = json_object_object_get(o, "classes");
	for (size_t i = 0; (class = json_object_array_get_idx(classes, i)); i++)
		strncat(ret, json_object_to_json_string(json_object_object_get(class, "used")),
			1024);
	json_object_put(o);
	free(text);
	return ret;
}

static bool used_is(const char *before)
{
	char *now = used();
	bool same = strcmp(now, before) == 0;
	free(now);
	return same;
}

/* ---- the client ---- */

static void client_open(struct client *c)
{
	int pair[2];
	*c = (struct client){.listener = harness_listen(&where)};
	raw_connect(&c->r);
	raw_queue_open(&c->q, &c->r, AREA, 0, 0);
	harness_pair(pair);
	c->flow = raw_adopt(&c->q, pair[0], 0);
	c->peer = pair[1];
	close(pair[0]);
	c->listens = raw_adopt(&c->q, c->listener, MSG_FLOW_LISTEN);
}

static void client_leave(struct client *c)
{
	raw_queue_drop(&c->q);
	raw_close(&c->r);
	close(c->listener);
	close(c->peer);
}

static void peers_come(struct client *c)
{
	for (int i = 0; i < PEERS; i++)
		c->peers[i] = harness_connect(&where);
}

static void peers_leave(const struct client *c)
{
	for (int i = 0; i < PEERS; i++)
		close(c->peers[i]);
}

static void stream_goes_on(struct client *c)
{
	char data[PIECE];
	for (int i = 0; i < PIECES; i++, c->at += PIECE) {
		harness_pattern(data, SEED, c->at, PIECE);
		assert_int_equal(send(c->peer, data, PIECE, MSG_NOSIGNAL), PIECE);
		raw_stream(&c->q, c->flow, SEED, c->at, PIECE);
	}
}

static void peers_are_announced(const struct client *c)
{
	for (int i = 0; i < PEERS; i++) {
		union msg_any m;
		int fds[MSG_FDS_MAX];
		raw_event(&c->q, &m, fds);
		assert_int_equal(m.hdr.type, MSG_FLOW_OPENED);
		assert_int_equal(m.hdr.nfds, 1);
		close(fds[0]);
	}
}

/* ---- the cases ---- */

static void the_queues_other_stream_goes_on(void **state)
{
	(void)state;
	for (int i = 0; i < WAYS; i++) {
		struct client c;
		client_open(&c);
		stream_goes_on(&c);
		ways[i].goes();
		peers_come(&c);
		for (int n = 0; n < ROUNDS; n++) {
			stream_goes_on(&c);
			usleep(MEANWHILE_US / ROUNDS);
		}
		ways[i].comes();
		peers_are_announced(&c);
		stream_goes_on(&c);
		peers_leave(&c);
		client_leave(&c);
	}
}

/* Though a connection waits to be announced. */
static void the_end_of_a_stream_is_told(void **state)
{
	(void)state;
	for (int i = 0; i < WAYS; i++) {
		struct client c;
		client_open(&c);
		ways[i].goes();
		peers_come(&c);
		usleep(MEANWHILE_US);
		close(c.peer);
		assert_int_equal(raw_closed(&c.q, c.flow), 0);
		ways[i].comes();
		peers_are_announced(&c);
		peers_leave(&c);
		raw_queue_drop(&c.q);
		raw_close(&c.r);
		close(c.listener);
	}
}

static void client_is_killed(struct client *c)
{
	(void)c;
	raise(SIGKILL);
}

static void queue_closes(struct client *c)
{
	shutdown(c->q.channel, SHUT_RDWR);
}

static void everybody_leaves(struct client *c)
{
	peers_leave(c);
	client_leave(c);
}

/* It is answered when there is a broker. */
static void listener_closes(struct client *c)
{
	struct msg_flow_close m = {.hdr = {.size = sizeof(m), .type = MSG_FLOW_CLOSE, .serial = 77},
				   .flow_id = c->listens};
	raw_send(&c->r, &m, sizeof(m), NULL, 0);
}

static void queue_is_to_close(struct client *c)
{
	struct msg_queue_close m = {.hdr = {.size = sizeof(m),
					    .type = MSG_QUEUE_CLOSE,
					    .serial = 78},
				    .queue_id = c->q.id};
	raw_send(&c->r, &m, sizeof(m), NULL, 0);
}

/* A client in a process of its own, which says that it is as far, and ends when it is told. */
static void live(void (*does)(struct client *c), int says, int told)
{
	struct client c;
	char byte = 0;
	client_open(&c);
	if (write(says, &byte, 1) != 1 || read(told, &byte, 1) != 1) /* the broker is away */
		_exit(1);
	peers_come(&c);
	usleep(MEANWHILE_US);
	does(&c);
	usleep(MEANWHILE_US);
	if (write(says, &byte, 1) != 1 || read(told, &byte, 1) != 1) /* it is back */
		_exit(1);
	_exit(0);
}

static void one_client(const struct way *w, void (*does)(struct client *c))
{
	int says[2], told[2], status;
	char byte = 0;
	assert_int_equal(pipe2(says, O_CLOEXEC), 0);
	assert_int_equal(pipe2(told, O_CLOEXEC), 0); /* not for a broker that is started */
	pid_t pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		close(says[0]);
		close(told[1]);
		live(does, says[1], told[0]);
	}
	close(says[1]);
	close(told[0]);
	assert_int_equal(read(says[0], &byte, 1), 1);
	w->goes();
	assert_int_equal(write(told[1], &byte, 1), 1);
	bool lives = read(says[0], &byte, 1) == 1;
	w->comes();
	if (lives)
		assert_int_equal(write(told[1], &byte, 1), 1);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(WIFSIGNALED(status), !lives);
	close(says[0]);
	close(told[1]);
}

static void nothing_stays_charged_whatever_the_client_does(void **state)
{
	static void (*const all[])(struct client * c) = {client_is_killed, queue_closes,
							 everybody_leaves, listener_closes,
							 queue_is_to_close};
	char *before = used();
	(void)state;
	for (int i = 0; i < WAYS; i++)
		for (size_t what = 0; what < sizeof(all) / sizeof(all[0]); what++) {
			one_client(&ways[i], all[what]);
			WORLD_UNTIL(used_is(before));
		}
	free(before);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		WORLD_CASE(the_queues_other_stream_goes_on),
		WORLD_CASE(the_end_of_a_stream_is_told),
		WORLD_CASE(nothing_stays_charged_whatever_the_client_does),
	};
	return cmocka_run_group_tests(tests, world_setup, world_teardown);
}
