/* SPDX-License-Identifier: MIT */
/* Connecting to the daemon, and disconnecting. */
#include <errno.h>
#include <grp.h>
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/clock.h"
#include "lib/area.h"
#include "lib/queue.h"
#include "lib/request.h"
#include "lib/zcrx.h"
#include "proto/wire.h"

enum {
	RETURN_MS = 3000, /* for so long a daemon that was killed may stay away */
	PAUSE_FIRST_MS = 5,
	PAUSE_MOST_MS = 100,
};

#define NOBODY_LISTENS "No zcrxd listens at %s; start it or set ZCRX_SOCKET."

/* The sentence of this thread's last zcrx_connect() that failed and left no connection to ask. */
static _Thread_local char connect_error[sizeof(((struct zcrx *)0)->error)];

/* Without the group's name whoever asks for it knows its number. */
static int permission_lacks(struct zcrx *z, int error, const char *path)
{
	struct stat st;
	struct group g, *found = NULL;
	char names[1024];
	if (stat(path, &st) < 0)
		return refuse(z, error, "You may not use %s; join the group that it belongs to.",
			      path);
	if (st.st_gid == 0)
		return refuse(z, error,
			      "You may not use %s; ask for group= and mode= in [sockets] of "
			      "zcrxd.conf.",
			      path);
	if (getgrgid_r(st.st_gid, &g, names, sizeof(names), &found) == 0 && found)
		return refuse(z, error, "You may not use %s; join the group %s.", path, g.gr_name);
	return refuse(z, error, "You may not use %s; join the group with the number %u.", path,
		      st.st_gid);
}

static int socket_connect(struct zcrx *z, const char *path)
{
	struct sockaddr_un at = {.sun_family = AF_UNIX};
	size_t len = strlen(path);
	if (len == 0)
		return refuse(z, -EINVAL, "The path is empty.");
	if (len >= sizeof(at.sun_path))
		return refuse(z, -ENAMETOOLONG, "The path of zcrxd's socket is too long: %s", path);
	memcpy(at.sun_path, path, len);
	z->sock = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
	if (z->sock < 0)
		return refuse(z, -errno, "No socket can be opened: %m.");
	int r;
	do
		r = connect(z->sock, (struct sockaddr *)&at, sizeof(at));
	while (r < 0 && errno == EINTR);
	if (r == 0)
		return 0;
	switch (errno) {
	case ENOENT:
	case ENOTDIR:
	case ELOOP:
		return refuse(z, -ENOENT, NOBODY_LISTENS, path);
	case EPROTOTYPE:
		return refuse(z, -errno, "%s is no clients' socket of zcrxd (its status socket?).",
			      path);
	case ECONNREFUSED: /* a daemon was there, or the file is no socket */
		return refuse(z, -errno, NOBODY_LISTENS, path);
	case EACCES:
	case EPERM:
		return permission_lacks(z, -errno, path);
	default:
		return refuse(z, -errno, "zcrxd cannot be reached at %s: %m.", path);
	}
}

static int hello(struct zcrx *z)
{
	struct request r = {.fd = -1};
	r.m.hello = (struct msg_hello){
		.hdr = REQUEST_HDR(hello, HELLO),
		.version_min = MSG_VERSION,
		.version_max = MSG_VERSION,
	};
	char *name = r.m.hello.name;
	strncpy(name, program_invocation_short_name, sizeof(r.m.hello.name) - 1);
	int error = request(z, &r);
	if (error)
		return error;
	if (r.m.hello_reply.version != MSG_VERSION)
		return refuse(z, -EPROTO, "zcrxd speaks version %u of the protocol, libzcrx %u.",
			      r.m.hello_reply.version, MSG_VERSION);
	z->area_bytes_most = r.m.hello_reply.max_area_bytes;
	return 0;
}

static const char *path_choose(const char *path)
{
	const char *from_environment = secure_getenv("ZCRX_SOCKET");
	if (path)
		return path;
	return from_environment && from_environment[0] ? from_environment : WIRE_SOCKET_PATH;
}

/*
 * A daemon that was killed leaves its socket's file, and ends the connections that it was about to
 * admit. None of them has got anything yet, so another one can take its place.
 */
static bool may_return(int error)
{
	return error == -ECONNREFUSED || error == -ECONNRESET;
}

static int admission_try(struct zcrx *z, const char *path)
{
	connection_end(z);
	z->serial = 0; /* a refusal before HELLO answers the first request */
	int error = socket_connect(z, path);
	return error ? error : hello(z);
}

static int admission_get(struct zcrx *z, const char *path)
{
	int64_t until = clock_until(RETURN_MS);
	int pause_ms = PAUSE_FIRST_MS, error;
	while (may_return(error = admission_try(z, path)) && clock_left(until) > 0) {
		poll(NULL, 0, pause_ms);
		pause_ms = pause_ms * 2 < PAUSE_MOST_MS ? pause_ms * 2 : PAUSE_MOST_MS;
	}
	if (!error)
		*z->error = '\0'; /* of a try that failed */
	return error;
}

int zcrx_connect(struct zcrx **ret, const char *path)
{
	struct zcrx *z = calloc(1, sizeof(*z));
	if (!z) {
		snprintf(connect_error, sizeof(connect_error), "Out of memory.");
		return -ENOMEM;
	}
	z->sock = -1;
	TAILQ_INIT(&z->areas);
	TAILQ_INIT(&z->queues);
	int error = admission_get(z, path_choose(path));
	if (error) {
		memcpy(connect_error, z->error, sizeof(connect_error));
		zcrx_close(z);
		return error;
	}
	*ret = z;
	return 0;
}

/* The daemon ends all queues and areas of the connection. */
void zcrx_close(struct zcrx *z)
{
	struct zcrx_queue *q;
	struct zcrx_area *a;
	if (!z)
		return;
	connection_end(z);
	while ((q = TAILQ_FIRST(&z->queues)))
		queue_release(q);
	while ((a = TAILQ_FIRST(&z->areas)))
		area_release(a);
	free(z);
}

const char *zcrx_error(const struct zcrx *z)
{
	return z ? z->error : connect_error;
}
