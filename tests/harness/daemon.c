/* SPDX-License-Identifier: MIT */
/*
 * A zcrxd of the test's own. It says READY=1 on a notification socket as it would to systemd, so
 * nobody has to poll for it.
 */
#include <dirent.h>
#include <fcntl.h>
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "tests/harness/harness.h"

/* Each path has room for the folder and a short name. */
static void path_in(char *to, size_t room, const struct harness_daemon *d, const char *name)
{
	assert_true((size_t)snprintf(to, room, "%s/%s", d->dir, name) < room);
}

static int unix_socket(const char *path, int type, struct sockaddr_un *ret)
{
	struct sockaddr_un at = {.sun_family = AF_UNIX};
	assert_true(strlen(path) < sizeof(at.sun_path));
	memcpy(at.sun_path, path, strlen(path));
	int sock = socket(AF_UNIX, type | SOCK_CLOEXEC, 0);
	assert_true(sock >= 0);
	*ret = at;
	return sock;
}

static void log_show(const struct harness_daemon *d)
{
	char line[512];
	FILE *f = fopen(d->log, "re");
	while (f && fgets(line, sizeof(line), f))
		fprintf(stderr, "zcrxd: %s", line);
	if (f)
		fclose(f);
}

static void exec_daemon(const struct harness_daemon *d, const char *notify, pid_t parent)
{
	const char *program = getenv("ZCRX_DAEMON");
	int log = open(d->log, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != parent)
		_exit(127);
	dup2(log, STDERR_FILENO);
	setenv("NOTIFY_SOCKET", notify, 1);
	if (!program)
		program = HARNESS_ZCRXD;
	execl(program, program, "--config", d->config, "--socket", d->socket, "--status", d->status,
	      NULL);
	fprintf(stderr, "%s: %m\n", program);
	_exit(127);
}

/* Unless a test says otherwise, its clients may come as fast as they can. */
static const char connections[] = "\n[class default]\nconnections-per-second=1000000\n";

static void config_write(struct harness_daemon *d, const char *config)
{
	path_in(d->config, sizeof(d->config), d, "zcrxd.conf");
	FILE *f = fopen(d->config, "we");
	assert_non_null(f);
	assert_true(!config || fputs(config, f) >= 0);
	if (!config || !strstr(config, "connections-per-second="))
		assert_true(fputs(connections, f) >= 0);
	assert_int_equal(fclose(f), 0);
}

/* True when it said READY=1, false when it ended or time is up. */
static bool ready_wait(int notify, pid_t pid)
{
	uint64_t until = harness_now_ms() + HARNESS_PATIENCE_MS;
	int pidfd = (int)syscall(SYS_pidfd_open, pid, 0);
	struct pollfd fds[] = {{.fd = notify, .events = POLLIN}, {.fd = pidfd, .events = POLLIN}};
	bool ready = false;
	while (!ready && harness_now_ms() < until) {
		char text[1024] = "";
		poll(fds, 2, HARNESS_PATIENCE_MS);
		if (recv(notify, text, sizeof(text) - 1, MSG_DONTWAIT) > 0)
			ready = strstr(text, "READY=1") != NULL;
		else if (fds[1].revents)
			break;
	}
	close(pidfd);
	return ready;
}

/* Returns the socket on which it says that it is ready. */
static int broker_spawn(struct harness_daemon *d)
{
	char notify_path[96];
	struct sockaddr_un at;
	path_in(notify_path, sizeof(notify_path), d, "notify");
	unlink(notify_path);
	int notify = unix_socket(notify_path, SOCK_DGRAM, &at);
	assert_int_equal(bind(notify, (struct sockaddr *)&at, sizeof(at)), 0);

	pid_t parent = getpid();
	d->pid = fork();
	if (d->pid == 0)
		exec_daemon(d, notify_path, parent);
	assert_true(d->pid > 0);
	return notify;
}

void harness_broker_start(struct harness_daemon *d)
{
	int notify = broker_spawn(d);
	bool ready = ready_wait(notify, d->pid);
	close(notify);
	if (!ready) {
		log_show(d);
		harness_daemon_kill(d);
		fail_msg("zcrxd did not get ready");
	}
}

void harness_broker_end(const struct harness_daemon *d)
{
	assert_int_equal(kill(d->pid, SIGKILL), 0);
	assert_int_equal(waitpid(d->pid, NULL, 0), d->pid);
}

void harness_broker_start_in_vain(struct harness_daemon *d, useconds_t life_us)
{
	close(broker_spawn(d));
	usleep(life_us);
	harness_broker_end(d);
}

void harness_daemon_start(struct harness_daemon *d, const char *config)
{
	*d = (struct harness_daemon){.dir = "/tmp/zcrxd-test-XXXXXX"};
	assert_non_null(mkdtemp(d->dir));
	path_in(d->socket, sizeof(d->socket), d, "zcrxd.sock");
	path_in(d->status, sizeof(d->status), d, "status.sock");
	path_in(d->log, sizeof(d->log), d, "log");
	config_write(d, config);
	harness_broker_start(d);
}

void harness_broker_kill(struct harness_daemon *d, useconds_t absent_us)
{
	harness_broker_end(d);
	usleep(absent_us);
	harness_broker_start(d);
}

static int noted_by(const struct harness_daemon *d, pid_t *ret, int room);

static void clean(struct harness_daemon *d)
{
	static const char *const names[] = {"zcrxd.sock",   "zcrxd.sock~", "status.sock",
					    "status.sock~", "zcrxd.conf",  "log",
					    "notify"};
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		char path[96];
		path_in(path, sizeof(path), d, names[i]);
		unlink(path);
	}
	char pumps[128];
	pid_t all[64];
	int n = noted_by(d, all, 64);
	snprintf(pumps, sizeof(pumps), "%s.pumps", d->socket);
	for (int i = 0; i < n; i++) { /* of a broker that was killed */
		char path[160];
		snprintf(path, sizeof(path), "%s/%d", pumps, (int)all[i]);
		unlink(path);
	}
	rmdir(pumps);
	rmdir(d->dir);
	d->pid = 0;
}

void harness_daemon_stop(struct harness_daemon *d)
{
	int status = 0;
	if (d->pid <= 0)
		return;
	kill(d->pid, SIGTERM);
	uint64_t until = harness_now_ms() + HARNESS_PATIENCE_MS;
	pid_t ended;
	while ((ended = waitpid(d->pid, &status, WNOHANG)) == 0 && harness_now_ms() < until)
		usleep(2000);
	if (ended == d->pid && WIFEXITED(status) && WEXITSTATUS(status) == 0) {
		clean(d);
		return;
	}
	log_show(d);
	if (ended == 0) {
		harness_daemon_kill(d);
		fail_msg("zcrxd did not end within %d ms of SIGTERM", HARNESS_PATIENCE_MS);
	}
	clean(d);
	fail_msg("zcrxd ended with status %#x", status);
}

void harness_daemon_kill(struct harness_daemon *d)
{
	if (d->pid <= 0)
		return;
	kill(d->pid, SIGKILL);
	waitpid(d->pid, NULL, 0);
	clean(d);
}

static bool runs(pid_t pid, const char *program)
{
	char path[64], name[32] = "";
	snprintf(path, sizeof(path), "/proc/%d/comm", (int)pid);
	FILE *f = fopen(path, "re");
	bool is = f && fscanf(f, "%31s", name) == 1 && strcmp(name, program) == 0;
	if (f)
		fclose(f);
	return is;
}

/* Those that run this program, the youngest one last. */
static int children_of(pid_t parent, const char *program, pid_t *ret, int room)
{
	char path[64];
	int n = 0, pid;
	snprintf(path, sizeof(path), "/proc/%d/task/%d/children", (int)parent, (int)parent);
	FILE *f = fopen(path, "re");
	while (f && n < room && fscanf(f, "%d", &pid) == 1)
		if (runs(pid, program))
			ret[n++] = pid;
	if (f)
		fclose(f);
	return n;
}

/* The broker notes its pumps by their numbers; those that it took over are no children of its. */
static int noted_by(const struct harness_daemon *d, pid_t *ret, int room)
{
	char path[128];
	int n = 0;
	snprintf(path, sizeof(path), "%s.pumps", d->socket);
	DIR *dir = opendir(path);
	const struct dirent *e;
	while (dir && n < room && (e = readdir(dir)))
		if ((ret[n] = (pid_t)strtol(e->d_name, NULL, 10)) > 0)
			n++;
	if (dir)
		closedir(dir);
	return n;
}

int harness_daemon_processes(const struct harness_daemon *d, pid_t *ret, int room)
{
	ret[0] = d->pid;
	return 1 + noted_by(d, ret + 1, room - 1);
}

int harness_hands(const struct harness_daemon *d)
{
	pid_t all[64];
	return children_of(d->pid, "zcrx-hand", all, 64);
}

void harness_pump_kill(const struct harness_daemon *d)
{
	pid_t all[64];
	int n = children_of(d->pid, "zcrx-pump", all, 64);
	assert_true(n > 0);
	assert_int_equal(kill(all[n - 1], SIGKILL), 0);
}

char *harness_status(const struct harness_daemon *d)
{
	struct sockaddr_un at;
	size_t len = 0, room = 1 << 20;
	char *text = malloc(room);
	assert_non_null(text);
	int sock = unix_socket(d->status, SOCK_STREAM, &at);
	assert_int_equal(connect(sock, (struct sockaddr *)&at, sizeof(at)), 0);
	ssize_t n;
	while ((n = recv(sock, text + len, room - len - 1, 0)) > 0)
		len += (size_t)n;
	assert_int_equal(n, 0);
	close(sock);
	text[len] = '\0';
	return text;
}
