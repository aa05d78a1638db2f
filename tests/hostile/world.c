/* SPDX-License-Identifier: MIT */
#include "tests/hostile/world.h"

#include <dirent.h>
#include <errno.h>
#include <json-c/json.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "tests/hostile/neighbour.h"

enum {
	ROUNDS = 3, /* of the neighbour show that it goes on ... */
	/* ... if they take no longer: 10 ms alone, so a machine may be 3000 times as slow. */
	ROUNDS_MS = 30000,
	/* 100 ms alone, the pause before it included: a machine may be 200 times as slow. */
	STATUS_MS = 20000,
	PROCESSES_MAX = 1024,
	FDS_READINGS = 50,
};

struct harness_daemon zcrxd;
static struct neighbour *neighbour;
static int fds_in_the_beginning;

bool world_is_sanitized(void)
{
	const char *sanitizers = getenv("ZCRX_SANITIZE");
	return sanitizers && *sanitizers;
}

static int patience(void)
{
	return world_is_sanitized() ? 4 : 1;
}

/* The least of some readings: what the broker is about to close, or a hand that is about to go, is
 * not counted. */
static int fds_that_stay(void)
{
	int least = world_fds();
	for (int i = 0; i < FDS_READINGS; i++) {
		usleep(2000);
		int n = world_fds();
		least = n < least ? n : least;
	}
	return least;
}

void world_start(const char *config)
{
	harness_daemon_start(&zcrxd, config);
	neighbour = neighbour_start(zcrxd.socket);
	free(world_status()); /* what it needs once is no leak */
	WORLD_UNTIL(harness_hands(&zcrxd) == 0);
	fds_in_the_beginning = fds_that_stay();
}

void world_stop(void)
{
	if (neighbour)
		neighbour_stop(neighbour);
	neighbour = NULL;
	harness_daemon_stop(&zcrxd);
}

int world_setup(void **state)
{
	(void)state;
	world_start(NULL);
	return 0;
}

int world_teardown(void **state)
{
	(void)state;
	world_stop();
	return 0;
}

void world_wait(uint64_t until, const char *condition)
{
	if (harness_now_ms() > until)
		fail_msg("this never came true: %s", condition);
	usleep(1000);
}

void world_rest(bool on)
{
	neighbour_rest(neighbour, on);
}

static void neighbour_goes_on(void)
{
	uint64_t rounds = neighbour_rounds(neighbour) + ROUNDS;
	uint64_t until = harness_now_ms() + (uint64_t)(ROUNDS_MS * patience());
	while (neighbour_rounds(neighbour) < rounds) {
		if (neighbour_trouble(neighbour))
			fail_msg("the neighbour suffers: %s", neighbour_trouble(neighbour));
		if (harness_now_ms() > until)
			fail_msg("the neighbour waits for more than %d ms", ROUNDS_MS * patience());
		usleep(1000);
	}
}

void world_is_well(void)
{
	free(world_status());
	neighbour_goes_on();
}

/* The daemon is the broker and its pumps. One that ends meanwhile counts as nothing. */
static uint64_t sum_of(uint64_t (*of)(pid_t pid))
{
	pid_t all[PROCESSES_MAX];
	int n = harness_daemon_processes(&zcrxd, all, PROCESSES_MAX);
	uint64_t sum = 0;
	for (int i = 0; i < n; i++)
		sum += of(all[i]);
	return sum;
}

static void show_fds_of(pid_t pid)
{
	char dir[64], path[330], target[256];
	snprintf(dir, sizeof(dir), "/proc/%d/fd", (int)pid);
	DIR *d = opendir(dir);
	const struct dirent *e;
	while (d && (e = readdir(d))) {
		snprintf(path, sizeof(path), "%s/%s", dir, e->d_name);
		ssize_t n = readlink(path, target, sizeof(target) - 1);
		if (n > 0)
			print_error("%d: %s -> %.*s\n", (int)pid, e->d_name, (int)n, target);
	}
	closedir(d);
}

static void show_fds(void)
{
	pid_t all[PROCESSES_MAX];
	int n = harness_daemon_processes(&zcrxd, all, PROCESSES_MAX);
	for (int i = 0; i < n; i++)
		show_fds_of(all[i]);
}

/*
 * When they were counted in the beginning some may have been about to be closed: what the daemon
 * did last was not over. So the fewest ever are how many it has.
 */
static bool fds_are_as_before(void)
{
	int now = world_fds();
	if (now < fds_in_the_beginning)
		fds_in_the_beginning = now;
	return now == fds_in_the_beginning;
}

int world_is_empty(void **state)
{
	(void)state;
	uint64_t until = harness_now_ms() + WORLD_PATIENCE_MS;
	while (world_clients() != 1 || world_queues() != 1 || !fds_are_as_before()) {
		if (harness_now_ms() > until) {
			show_fds();
			fail_msg("left behind: %d clients, %d queues, %d descriptors",
				 world_clients() - 1, world_queues() - 1,
				 world_fds() - fds_in_the_beginning);
		}
		usleep(2000);
	}
	world_is_well();
	return 0;
}

int world_close(void **state)
{
	int r = world_is_empty(state);
	world_stop();
	return r;
}

static int status_connect(uint64_t ms)
{
	struct sockaddr_un at = {.sun_family = AF_UNIX};
	struct timeval time = {.tv_sec = (time_t)(ms / 1000)};
	memcpy(at.sun_path, zcrxd.status, strlen(zcrxd.status));
	int sock = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_true(sock >= 0);
	assert_int_equal(setsockopt(sock, SOL_SOCKET, SO_RCVTIMEO, &time, sizeof(time)), 0);
	assert_int_equal(connect(sock, (struct sockaddr *)&at, sizeof(at)), 0);
	return sock;
}

char *world_status(void)
{
	uint64_t ms = STATUS_MS * (uint64_t)patience(), since = harness_now_ms();
	size_t len = 0, room = 1 << 20;
	char *text = malloc(room);
	assert_non_null(text);
	int sock = status_connect(ms);
	ssize_t n;
	while ((n = recv(sock, text + len, room - len - 1, 0)) > 0)
		len += (size_t)n;
	close(sock);
	uint64_t took = harness_now_ms() - since;
	if (n < 0 || len == 0 || took > ms)
		fail_msg("the status socket gave %zu bytes in %ju ms", len, (uintmax_t)took);
	text[len] = '\0';
	return text;
}

/* Members of the array `key` in the object, and all their members of the array `inner`, if given.
 */
static int count(struct json_object *o, const char *key, const char *inner)
{
	struct json_object *array = json_object_object_get(o, key);
	int n = (int)json_object_array_length(array), sum = 0;
	for (int i = 0; inner && i < n; i++)
		sum += count(json_object_array_get_idx(array, (size_t)i), inner, NULL);
	return inner ? sum : n;
}

/* How many clients there are; with `inner`: of these in all. */
static int status_count(const char *inner)
{
	char *text = world_status();
	struct json_object *o = json_tokener_parse(text);
	if (!o)
		fail_msg("no JSON: %s", text);
	int n = count(o, "clients", inner);
	json_object_put(o);
	free(text);
	return n;
}

int world_clients(void)
{
	return status_count(NULL);
}

int world_queues(void)
{
	return status_count("queues");
}

static uint64_t fds_of(pid_t pid)
{
	char path[64];
	uint64_t n = 0;
	snprintf(path, sizeof(path), "/proc/%d/fd", (int)pid);
	DIR *d = opendir(path);
	while (d && readdir(d))
		n++;
	if (d)
		closedir(d);
	return n;
}

int world_fds(void)
{
	return (int)sum_of(fds_of);
}

int world_logged(const char *text)
{
	char line[1024];
	int n = 0;
	FILE *f = fopen(zcrxd.log, "re");
	assert_non_null(f);
	while (fgets(line, sizeof(line), f))
		n += strstr(line, text) != NULL;
	fclose(f);
	return n;
}

static uint64_t cpu_of(pid_t pid)
{
	clockid_t clock;
	struct timespec t;
	if (clock_getcpuclockid(pid, &clock) != 0 || clock_gettime(clock, &t) != 0)
		return 0;
	return (uint64_t)t.tv_sec * 1000000 + (uint64_t)t.tv_nsec / 1000;
}

/* That of pumps that have ended is the broker's by then. */
static uint64_t cpu_of_ended(void)
{
	char path[64], line[1024] = "";
	unsigned long user = 0, system = 0;
	snprintf(path, sizeof(path), "/proc/%d/stat", (int)zcrxd.pid);
	FILE *f = fopen(path, "re");
	assert_non_null(f);
	const char *got = fgets(line, sizeof(line), f);
	fclose(f);
	const char *after = got ? strrchr(line, ')') : NULL;
	assert_non_null(after);
	assert_int_equal(sscanf(after,
				") %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %*u %*u %lu %lu",
				&user, &system),
			 2);
	return (user + system) * 1000000 / (uint64_t)sysconf(_SC_CLK_TCK);
}

uint64_t world_cpu_us(void)
{
	return sum_of(cpu_of) + cpu_of_ended();
}

static bool wants_to_run(pid_t pid, const char *tid)
{
	char path[330], line[1024] = "";
	snprintf(path, sizeof(path), "/proc/%d/task/%s/stat", (int)pid, tid);
	FILE *f = fopen(path, "re");
	if (!f)
		return false; /* it has ended */
	const char *got = fgets(line, sizeof(line), f);
	fclose(f);
	const char *after = got ? strrchr(line, ')') : NULL;
	return after && after[1] == ' ' && after[2] == 'R';
}

static bool threads_sleep(pid_t pid)
{
	char path[64];
	bool sleep = true;
	snprintf(path, sizeof(path), "/proc/%d/task", (int)pid);
	DIR *d = opendir(path);
	const struct dirent *e;
	if (!d)
		return true; /* it has ended */
	while ((e = readdir(d)))
		if (e->d_name[0] != '.' && atoi(e->d_name) != gettid() &&
		    wants_to_run(pid, e->d_name))
			sleep = false;
	closedir(d);
	return sleep;
}

bool world_sleeps(void)
{
	pid_t all[PROCESSES_MAX];
	int n = harness_daemon_processes(&zcrxd, all, PROCESSES_MAX);
	bool sleep = threads_sleep(getpid());
	for (int i = 0; i < n; i++)
		sleep &= threads_sleep(all[i]);
	return sleep;
}

static uint64_t rss_of(pid_t pid)
{
	char path[64], line[256];
	unsigned long kib = 0;
	snprintf(path, sizeof(path), "/proc/%d/status", (int)pid);
	FILE *f = fopen(path, "re");
	while (f && fgets(line, sizeof(line), f))
		if (sscanf(line, "RssAnon: %lu", &kib) == 1)
			break;
	if (f)
		fclose(f);
	return kib;
}

uint64_t world_rss_kib(void)
{
	uint64_t kib = sum_of(rss_of);
	assert_true(kib > 0);
	return kib;
}
