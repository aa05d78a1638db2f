/* SPDX-License-Identifier: MIT */
#include "tests/daemon/listener_world.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/fd.h"

const char *const world_from[2] = {"clients= in [sockets]", "status= in [sockets]"};

struct config config;
struct listeners listeners;
char dir[] = "/tmp/zcrxd-listener-XXXXXX";

char *path_of(const char *name)
{
	char *path;
	assert_true(asprintf(&path, "%s/%s", dir, name) > 0);
	return path;
}

int setup(void **state)
{
	(void)state;
	strcpy(dir, "/tmp/zcrxd-listener-XXXXXX");
	assert_non_null(mkdtemp(dir));
	config = (struct config){.clients = path_of("clients"),
				 .status = path_of("status"),
				 .mode = 0620};
	return 0;
}

int teardown(void **state)
{
	(void)state;
	unlink(config.clients);
	unlink(config.status);
	assert_int_equal(rmdir(dir), 0);
	config_done(&config);
	return 0;
}

int unix_socket(int type, const char *path)
{
	struct sockaddr_un at = {.sun_family = AF_UNIX};
	int sock = socket(AF_UNIX, type | SOCK_CLOEXEC, 0);
	assert_true(sock >= 0 && strlen(path) < sizeof(at.sun_path));
	strcpy(at.sun_path, path);
	assert_int_equal(bind(sock, (struct sockaddr *)&at, sizeof(at)), 0);
	assert_int_equal(listen(sock, 1), 0);
	return sock;
}

int connect_to(int type, const char *path)
{
	struct sockaddr_un at = {.sun_family = AF_UNIX};
	_cleanup_(fd_closep) int sock = socket(AF_UNIX, type | SOCK_CLOEXEC, 0);
	strcpy(at.sun_path, path);
	return connect(sock, (struct sockaddr *)&at, sizeof(at)) < 0 ? -errno : 0;
}

bool exists(const char *path)
{
	return access(path, F_OK) == 0;
}

/* Passes sockets in systemd's way: they become the descriptors FIRST, FIRST + 1 and so on. */
void pass(const char *names, const int *socks, int n)
{
	char text[16];
	int high[2];
	for (int i = 0; i < n; i++) {
		high[i] = fcntl(socks[i], F_DUPFD_CLOEXEC, 100);
		close(socks[i]);
	}
	for (int i = 0; i < n; i++) {
		assert_int_equal(dup2(high[i], FIRST + i), FIRST + i);
		close(high[i]);
	}
	snprintf(text, sizeof(text), "%d", (int)getpid());
	setenv("LISTEN_PID", text, 1);
	snprintf(text, sizeof(text), "%d", n);
	setenv("LISTEN_FDS", text, 1);
	setenv("LISTEN_FDNAMES", names, 1);
}

void keep_passed_free(void)
{
	for (int fd = 0; fd < FIRST + 2;)
		fd = open("/dev/null", O_RDWR | O_CLOEXEC);
}
