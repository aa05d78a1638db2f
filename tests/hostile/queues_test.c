/* SPDX-License-Identifier: MIT */
/* The queues of one client: each has a thread of the pump's, and none waits for another. */
#include <dirent.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "tests/hostile/raw.h"
#include "tests/hostile/world.h"

enum {
	KIB = 1024,
	MIB = 1024 * KIB,
	AREA = 1024 * KIB,
	QUEUES = 4,
	STREAM = 64 * MIB,
	STREAM_SANITIZED = 4 * MIB,
	THREADS_MAX = 32,
	PROCESSES_MAX = 8,
	ROUNDS = 100,
	OPENINGS = 600,
	CONNECTIONS = 30
};

static void open_all(struct raw *r, struct raw_queue q[], int n)
{
	raw_connect(r);
	for (int i = 0; i < n; i++)
		raw_queue_open(&q[i], r, AREA, 0, 0);
}

static void close_all(struct raw *r, struct raw_queue q[], int n)
{
	raw_close(r);
	for (int i = 0; i < n; i++)
		raw_queue_drop(&q[i]);
}

/* CPU times of a process's threads in nanoseconds; returns how many there are. */
static int thread_times(pid_t pid, uint64_t ret[THREADS_MAX])
{
	char path[300];
	int n = 0;
	snprintf(path, sizeof(path), "/proc/%d/task", (int)pid);
	DIR *d = opendir(path);
	const struct dirent *e;
	while (d && n < THREADS_MAX && (e = readdir(d))) {
		snprintf(path, sizeof(path), "/proc/%d/task/%s/schedstat", (int)pid, e->d_name);
		FILE *f = *e->d_name == '.' ? NULL : fopen(path, "re");
		if (f && fscanf(f, "%ju", (uintmax_t *)&ret[n]) == 1)
			n++;
		if (f)
			fclose(f);
	}
	if (d)
		closedir(d);
	return n;
}

/* The CPU times of the threads of the pump that has most of them: that of many queues. */
static int pump_times(uint64_t ret[THREADS_MAX])
{
	pid_t all[PROCESSES_MAX], most_pid = 0;
	int n = harness_daemon_processes(&zcrxd, all, PROCESSES_MAX), most = 0;
	for (int i = 1; i < n; i++) {
		int threads = thread_times(all[i], ret);
		most_pid = threads > most ? all[i] : most_pid;
		most = threads > most ? threads : most;
	}
	return thread_times(most_pid, ret);
}

static int by_size(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
	return x < y ? 1 : x > y ? -1 : 0;
}

struct reader {
	pthread_t thread;
	struct raw_queue *q;
	uint32_t flow;
	uint64_t bytes;
};

static void *read_all(void *arg)
{
	struct reader *r = arg;
	for (uint64_t left = r->bytes; left > 0;) {
		struct raw_data d;
		if (!raw_take(r->q, &d)) {
			raw_kick(r->q);
			usleep(200);
			continue;
		}
		raw_refill(r->q, d.off, 0);
		left -= d.bytes;
	}
	return NULL;
}

/* Four equal streams, each on its queue: the work is shared by four threads, which run at once. */
static void each_queue_has_a_thread_that_does_its_part(void **state)
{
	(void)state;
	uint64_t bytes = world_is_sanitized() ? STREAM_SANITIZED : STREAM;
	struct raw r;
	struct raw_queue q[QUEUES];
	struct reader readers[QUEUES];
	struct harness_sender *senders[QUEUES];
	uint64_t times[THREADS_MAX], sum = 0;
	open_all(&r, q, QUEUES);
	for (int i = 0; i < QUEUES; i++) {
		int pair[2];
		harness_pair(pair);
		readers[i] = (struct reader){.q = &q[i],
					     .flow = raw_adopt(&q[i], pair[1], 0),
					     .bytes = bytes};
		close(pair[1]);
		senders[i] = harness_send(pair[0], (uint64_t)i, bytes, HARNESS_FIN);
	}
	for (int i = 0; i < QUEUES; i++)
		assert_int_equal(pthread_create(&readers[i].thread, NULL, read_all, &readers[i]),
				 0);
	for (int i = 0; i < QUEUES; i++) {
		pthread_join(readers[i].thread, NULL);
		assert_int_equal(harness_send_wait(senders[i]), 0);
	}
	int n = pump_times(times);
	assert_true(n > QUEUES);
	qsort(times, (size_t)n, sizeof(times[0]), by_size);
	for (int i = 0; i < n; i++)
		sum += times[i];
	for (int i = 0; i < QUEUES; i++) {
		print_message("thread %d: %ju of %ju us\n", i, (uintmax_t)times[i] / 1000,
			      (uintmax_t)sum / 1000);
		assert_in_range(times[i], sum / QUEUES / 4, sum / 2);
	}
	close_all(&r, q, QUEUES);
}

/* The queue ends for its own reasons while the request is on its way to the queue's thread. */
static void a_request_about_a_queue_that_ends_is_answered(void **state)
{
	(void)state;
	struct raw r;
	int adopted = 0;
	raw_connect(&r);
	for (int i = 0; i < ROUNDS; i++) {
		struct raw_queue q;
		int pair[2];
		raw_queue_open(&q, &r, AREA, 0, 0);
		harness_pair(pair);
		union msg_any m = {.flow_adopt = {.hdr = {.size = sizeof(m.flow_adopt),
							  .type = MSG_FLOW_ADOPT,
							  .nfds = 1,
							  .serial = 9},
						  .queue_id = q.id}};
		raw_send(&r, &m, sizeof(m.flow_adopt), &pair[1], 1);
		usleep((useconds_t)i * 5);
		shutdown(q.channel, SHUT_RDWR);
		assert_true(raw_receive(&r, &m, NULL) > 0);
		int error = m.hdr.error;
		adopted += error == 0;
		assert_true(error == 0 || error == reason_error(REASON_NO_OBJECT));
		close(pair[0]);
		close(pair[1]);
		m.queue_close.queue_id = q.id; /* it is answered when the queue is gone */
		error = raw_request(&r, MSG_QUEUE_CLOSE, &m, -1, NULL);
		assert_true(error == 0 || error == reason_error(REASON_NO_OBJECT));
		m.area_del.area_id = q.area_id;
		assert_int_equal(raw_request(&r, MSG_AREA_DEL, &m, -1, NULL), 0);
		raw_queue_drop(&q);
	}
	print_message("%d of %d were adopted\n", adopted, ROUNDS);
	raw_close(&r);
}

/* The kernel lets go of a closed queue's ring while the next one is made. */
static void queues_are_opened_and_closed_many_times(void **state)
{
	(void)state;
	struct raw r;
	raw_connect(&r);
	for (int i = 0; i < OPENINGS; i++) {
		struct raw_queue q;
		raw_queue_open(&q, &r, AREA, 0, 0);
		union msg_any m = {.queue_close.queue_id = q.id};
		assert_int_equal(raw_request(&r, MSG_QUEUE_CLOSE, &m, -1, NULL), 0);
		m.area_del.area_id = q.area_id;
		assert_int_equal(raw_request(&r, MSG_AREA_DEL, &m, -1, NULL), 0);
		raw_queue_drop(&q);
	}
	raw_close(&r);
}

/* Takes an announced flow over and closes it. */
static void take_one(struct raw_queue *q)
{
	union msg_any m;
	int fds[MSG_FDS_MAX];
	raw_event(q, &m, fds);
	if (m.hdr.type != MSG_FLOW_OPENED)
		return;
	close(fds[0]);
	assert_int_equal(raw_flow_close(q->r, m.flow_opened.flow_id, MSG_CLOSE_ABORT), 0);
}

static void flows_come_and_go_on_all_queues_at_once(void **state)
{
	(void)state;
	struct raw r;
	struct raw_queue q[QUEUES];
	struct sockaddr_in at[QUEUES];
	int listeners[QUEUES], peers[QUEUES][CONNECTIONS];
	open_all(&r, q, QUEUES);
	for (int i = 0; i < QUEUES; i++) {
		listeners[i] = harness_listen(&at[i]);
		raw_adopt(&q[i], listeners[i], MSG_FLOW_LISTEN);
	}
	for (int n = 0; n < CONNECTIONS; n++)
		for (int i = 0; i < QUEUES; i++)
			peers[i][n] = harness_connect(&at[i]);
	for (int n = 0; n < CONNECTIONS; n++)
		for (int i = 0; i < QUEUES; i++)
			take_one(&q[i]);
	for (int i = 0; i < QUEUES; i++) {
		for (int n = 0; n < CONNECTIONS; n++)
			close(peers[i][n]);
		close(listeners[i]);
	}
	close_all(&r, q, QUEUES);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		WORLD_CASE(each_queue_has_a_thread_that_does_its_part),
		WORLD_CASE(queues_are_opened_and_closed_many_times),
		WORLD_CASE(a_request_about_a_queue_that_ends_is_answered),
		WORLD_CASE(flows_come_and_go_on_all_queues_at_once),
	};
	return cmocka_run_group_tests(tests, world_setup, world_teardown);
}
