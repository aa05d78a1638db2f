/* SPDX-License-Identifier: MIT */
/*
 * The broker executes another program in its place, again and again, while streams run at full
 * rate; nobody notices. The programs lie in a folder of the test's own, as a package would put
 * them.
 */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "tests/harness/receive.h"
#include "tests/hostile/world.h"

enum {
	CLIENTS = 4,
	STREAMS = 4, /* of each */
	UPGRADES = 10,
	ORPHAN_S = 5, /* longer than an upgrade takes on a busy machine */
	HANDS_FAIL = 3,
	FILES_EACH = 3, /* area, completions, refills */
	BETWEEN_MS = 100,
	AREA = 1 << 20,
	PUMPS_MAX = 64
};

static int upgrades; /* so far */
static char folder[] = "/tmp/zcrxd-programs-XXXXXX";

static void place(char ret[128], const char *name)
{
	snprintf(ret, 128, "%s/%s", folder, name);
}

static const char *const programs[] = {"zcrxd", "zcrx-pump", "zcrx-hand"};

/* Puts the program in the place of the one that runs, as packages do. */
static void install_one(const char *from_folder, const char *name)
{
	char fresh[128], path[128], program[512];
	struct stat st;
	place(fresh, "fresh");
	place(path, name);
	snprintf(program, sizeof(program), "%s/%s", from_folder, name);
	int from = open(program, O_RDONLY | O_CLOEXEC);
	int to = open(fresh, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0755);
	assert_true(from >= 0 && to >= 0);
	assert_int_equal(fstat(from, &st), 0);
	for (off_t left = st.st_size; left > 0;) {
		ssize_t n = sendfile(to, from, NULL, (size_t)left);
		assert_true(n > 0);
		left -= n;
	}
	close(from);
	assert_int_equal(close(to), 0);
	assert_int_equal(rename(fresh, path), 0);
}

static void install(const char *from_folder)
{
	for (size_t i = 0; i < sizeof(programs) / sizeof(programs[0]); i++)
		install_one(from_folder, programs[i]);
}

static void install_text(const char *name, const char *text, mode_t mode)
{
	char fresh[128], path[128];
	place(fresh, "fresh");
	place(path, name);
	int to = open(fresh, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, mode);
	assert_int_equal(write(to, text, strlen(text)), (ssize_t)strlen(text));
	assert_int_equal(close(to), 0);
	assert_int_equal(rename(fresh, path), 0);
}

static int setup(void **state)
{
	char path[128];
	(void)state;
	assert_non_null(mkdtemp(folder));
	install(UPGRADE_NOW);
	place(path, "zcrxd");
	setenv("ZCRX_DAEMON", path, 1);
	world_start("[pumps]\norphan-seconds=5\n"
		    "[class default]\nsessions=1000\nqueues=1000\nareas=1000\narea-bytes=4G\n");
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	world_stop();
	for (size_t i = 0; i < sizeof(programs) / sizeof(programs[0]); i++) {
		char path[128];
		place(path, programs[i]);
		unlink(path);
	}
	return rmdir(folder);
}

static bool status_says(const char *text)
{
	char *status = harness_status(&zcrxd); /* which an upgrade keeps waiting */
	bool says = strstr(status, text) != NULL;
	free(status);
	return says;
}

/* ---- streams ---- */

static int clients; /* of these */
static struct harness_receiver receivers[CLIENTS];
static struct harness_stream streams[CLIENTS][STREAMS];
static struct harness_sender *senders[CLIENTS][STREAMS];
static int sockets[CLIENTS][STREAMS]; /* that of the sender, too */

static void streams_start(int first, int end)
{
	clients = end;
	for (int i = first; i < end; i++) {
		receivers[i] = (struct harness_receiver){.streams = streams[i], .count = STREAMS};
		harness_receiver_open(&receivers[i], &zcrxd, AREA, NULL);
		for (int k = 0; k < STREAMS; k++) {
			int pair[2];
			uint64_t seed = (uint64_t)(i * STREAMS + k + 1);
			harness_pair(pair);
			streams[i][k] = (struct harness_stream){.seed = seed};
			harness_receiver_adopt(&receivers[i], &streams[i][k], pair[1]);
			close(pair[1]);
			sockets[i][k] = fcntl(pair[0], F_DUPFD_CLOEXEC, 0);
			senders[i][k] = harness_send(pair[0], seed, UINT64_MAX / 2, HARNESS_FIN);
		}
	}
}

static void streams_stop(void)
{
	for (int i = 0; i < clients; i++) {
		for (int k = 0; k < STREAMS; k++) {
			shutdown(sockets[i][k], SHUT_RDWR);
			close(sockets[i][k]);
			assert_int_equal(harness_send_wait(senders[i][k]), -EPIPE);
		}
		harness_receive(&receivers[i]);
		harness_receiver_close(&receivers[i]);
	}
	clients = 0;
}

/* Each stream brings something more; every byte is compared. */
static void streams_go_on(int ms)
{
	uint64_t until = harness_now_ms() + (uint64_t)ms, late = until + HARNESS_PATIENCE_MS;
	uint64_t before[CLIENTS][STREAMS];
	bool all = false;
	for (int i = 0; i < clients; i++)
		for (int k = 0; k < STREAMS; k++)
			before[i][k] = streams[i][k].bytes;
	while (!all || harness_now_ms() < until) {
		all = true;
		for (int i = 0; i < clients; i++) {
			harness_receive_some(&receivers[i]);
			if (receivers[i].lost || receivers[i].ended)
				fail_msg("client %d: lost %d, ended %d", i, receivers[i].lost,
					 receivers[i].ended);
			for (int k = 0; k < STREAMS; k++)
				all &= streams[i][k].bytes > before[i][k];
		}
		if (harness_now_ms() > late)
			fail_msg("a stream stands still");
	}
}

/* What this client asks for new, and closes at once, is answered so. */
static void is_answered(int client, int error)
{
	struct zcrx_area *area;
	int r = zcrx_area_new(receivers[client].z, &area, AREA, 0);
	if (r == 0)
		zcrx_area_free(area);
	if (r != error)
		fail_msg("client %d: %d and not %d: %s", client, r, error,
			 zcrx_error(receivers[client].z));
}

/* ---- who comes meanwhile ---- */

struct newcomers {
	pthread_t thread;
	bool stop; /* atomic */
	uint32_t served;
	int error;
	char why[256];
};

static int newcomer(char *why)
{
	struct zcrx *z;
	struct zcrx_area *area;
	struct zcrx_queue *q;
	int r = zcrx_connect(&z, zcrxd.socket);
	if (r < 0) {
		snprintf(why, 256, "%s", zcrx_error(NULL));
		return r;
	}
	const struct zcrx_queue_options copy = {.size = sizeof(copy), .backend = ZCRX_BACKEND_COPY};
	r = zcrx_area_new(z, &area, AREA, 0);
	if (r == 0)
		r = zcrx_queue_open(z, &q, area, &copy);
	snprintf(why, 256, "%s", r < 0 ? zcrx_error(z) : "");
	zcrx_close(z);
	return r;
}

static void *come(void *data)
{
	struct newcomers *n = data;
	while (!__atomic_load_n(&n->stop, __ATOMIC_ACQUIRE) && n->error == 0) {
		n->error = newcomer(n->why);
		n->served++;
	}
	return NULL;
}

/* ---- processes ---- */

static int pumps_of_streams(pid_t ret[PUMPS_MAX])
{
	return harness_daemon_processes(&zcrxd, ret, PUMPS_MAX);
}

/* Children of the broker's that ended and that it does not wait for. */
static int zombies(void)
{
	char path[64];
	int n = 0, pid;
	snprintf(path, sizeof(path), "/proc/%d/task/%d/children", (int)zcrxd.pid, (int)zcrxd.pid);
	FILE *f = fopen(path, "re");
	while (f && fscanf(f, "%d", &pid) == 1) {
		char stat[64], line[256] = "";
		snprintf(stat, sizeof(stat), "/proc/%d/stat", pid);
		FILE *s = fopen(stat, "re");
		const char *got = s ? fgets(line, sizeof(line), s) : NULL;
		const char *at = got ? strrchr(line, ')') : NULL;
		n += at && at[2] == 'Z';
		if (s)
			fclose(s);
	}
	if (f)
		fclose(f);
	return n;
}

static void upgrade(const char *version)
{
	char done[64], is[64];
	uint64_t since = harness_now_ms(), late = since + HARNESS_PATIENCE_MS;
	snprintf(is, sizeof(is), "\"version\":\"%s", version);
	snprintf(done, sizeof(done), "\"done\":%d,", ++upgrades);
	assert_int_equal(kill(zcrxd.pid, SIGUSR2), 0);
	while (!status_says(is) || !status_says(done)) {
		streams_go_on(20);
		if (harness_now_ms() > late)
			fail_msg("upgrade %d did not happen", upgrades);
	}
	print_message("upgrade %d: %ju ms\n", upgrades, (uintmax_t)(harness_now_ms() - since));
}

static void upgrade_to(const char *programs_of, const char *version)
{
	install(programs_of);
	upgrade(version);
}

/* Half of the clients have pumps of this release, half of the next one. */
static void nobody_notices_an_upgrade(void **state)
{
	struct newcomers n = {0};
	pid_t before[PUMPS_MAX];
	struct stat socket_before, socket_after;
	(void)state;
	streams_start(0, CLIENTS / 2);
	upgrade_to(UPGRADE_NEXT, "next");
	streams_start(CLIENTS / 2, CLIENTS);
	streams_go_on(BETWEEN_MS);
	WORLD_UNTIL(world_clients() == CLIENTS + 1);
	int pumps = pumps_of_streams(before);
	assert_int_equal(stat(zcrxd.socket, &socket_before), 0);
	assert_int_equal(pthread_create(&n.thread, NULL, come, &n), 0);
	for (int i = 0; i < UPGRADES; i++) {
		upgrade_to(i % 2 ? UPGRADE_NEXT : UPGRADE_NOW, i % 2 ? "next" : "0");
		for (int k = 0; k < CLIENTS; k++)
			is_answered(k, 0);
		streams_go_on(BETWEEN_MS);
	}
	__atomic_store_n(&n.stop, true, __ATOMIC_RELEASE);
	pthread_join(n.thread, NULL);
	if (n.error)
		fail_msg("client %u was refused: %d, %s", n.served, n.error, n.why);
	print_message("%u clients came meanwhile\n", n.served);
	WORLD_UNTIL(world_clients() == CLIENTS + 1);
	for (int i = 0; i < pumps; i++)
		assert_int_equal(kill(before[i], 0), 0);
	assert_int_equal(stat(zcrxd.socket, &socket_after), 0);
	assert_int_equal(socket_before.st_ino, socket_after.st_ino);
	WORLD_UNTIL(zombies() == 0);
	streams_stop();
}

/*
 * A broker that is too far from a pump's release: the streams go on, and their clients get nothing
 * new until there is a broker that the pump can ask. They have a pump of this release and one of
 * the other.
 */
static void streams_outlive_a_release_that_is_too_far(void **state)
{
	(void)state;
	streams_start(0, 1);
	upgrade_to(UPGRADE_FAR, "far");
	WORLD_UNTIL(world_logged("the pump is of a release too far from zcrxd's") == 2);
	streams_start(1, 2);
	is_answered(0, -EPERM);
	is_answered(1, 0);
	streams_go_on(ORPHAN_S * 1000 + BETWEEN_MS);
	world_is_well();
	upgrade_to(UPGRADE_NOW, "0");
	is_answered(0, 0);
	is_answered(1, -EPERM);
	streams_go_on(ORPHAN_S * 1000 + BETWEEN_MS);
	upgrade_to(UPGRADE_FAR, "far");
	is_answered(0, -EPERM);
	is_answered(1, 0);
	streams_stop();
	upgrade_to(UPGRADE_NOW, "0");
}

static uint64_t files_charged(void)
{
	char *status = harness_status(&zcrxd);
	const char *used = strstr(status, "\"used\":");
	const char *files = used ? strstr(used, "\"files\":") : NULL;
	assert_non_null(files);
	uint64_t n = strtoull(files + strlen("\"files\":"), NULL, 10);
	free(status);
	return n;
}

/*
 * The new broker learns by hands which files its pumps have: the first hands end without having
 * done anything.
 */
static void files_are_charged_although_hands_fail(void **state)
{
	char script[1024];
	(void)state;
	streams_start(0, 2);
	/* Files of clients before stay charged for a moment. */
	WORLD_UNTIL(files_charged() == (2 + 1) * FILES_EACH);
	install(UPGRADE_NOW);
	for (int i = 0; i < HANDS_FAIL; i++) {
		char name[16];
		snprintf(name, sizeof(name), "fails%d", i);
		install_text(name, "", 0600);
	}
	snprintf(script, sizeof(script),
		 "#!/bin/sh\nrm \"$(ls %s/fails* | head -n 1)\" && exit 1\n"
		 "exec %s/zcrx-hand\n",
		 folder, UPGRADE_NOW);
	install_text("zcrx-hand", script, 0755);
	upgrade("0");
	WORLD_UNTIL(files_charged() == (2 + 1) * FILES_EACH);
	streams_stop();
	install(UPGRADE_NOW);
}

static void streams_go_on_while_no_hand_can_be_started(void **state)
{
	(void)state;
	streams_start(0, 2);
	WORLD_UNTIL(files_charged() == (2 + 1) * FILES_EACH);
	install(UPGRADE_NOW);
	install_text("zcrx-hand", "no program\n", 0755);
	upgrade("0");
	streams_go_on(BETWEEN_MS);
	install(UPGRADE_NOW);
	WORLD_UNTIL(files_charged() == (2 + 1) * FILES_EACH);
	streams_stop();
}

/* ---- what cannot be executed ---- */

static void fails(int before, const char *why)
{
	char text[64];
	snprintf(text, sizeof(text), "\"failed\":%d,", before + 1);
	assert_int_equal(kill(zcrxd.pid, SIGUSR2), 0);
	WORLD_UNTIL(status_says(text));
	if (!status_says(why))
		fail_msg("the status does not say \"%s\"", why);
	world_is_well();
}

static void a_program_that_is_no_good_is_not_executed(void **state)
{
	(void)state;
	install_text("zcrxd", "#!/bin/sh\nexit 0\n", 0644);
	fails(0, "cannot be executed: Permission denied");
	install_text("zcrxd", "#!/bin/sh\necho no such key >&2\nexit 1\n", 0755);
	fails(1, "--check ended with status 1");
	install_text("zcrxd", "#!/bin/sh\nkill -9 $$\n", 0755);
	fails(2, "--check was ended by signal 9");
	install_text("zcrxd", "#!/bin/sh\nexit 0\n", 0755);
	fails(3, "is not a zcrxd: ");
	/* It takes the configuration, and is gone when it is to be executed. */
	install_text("zcrxd", "#!/bin/sh\necho zcrxd 1; rm \"$0\"\n", 0755);
	fails(4, "cannot be executed: No such file or directory");
	upgrade_to(UPGRADE_NEXT, "next");
	world_is_well();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		WORLD_CASE(a_program_that_is_no_good_is_not_executed),
		WORLD_CASE(nobody_notices_an_upgrade),
		WORLD_CASE(streams_outlive_a_release_that_is_too_far),
		WORLD_CASE(files_are_charged_although_hands_fail),
		WORLD_CASE(streams_go_on_while_no_hand_can_be_started),
	};
	return cmocka_run_group_tests(tests, setup, teardown);
}
