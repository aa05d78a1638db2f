/* SPDX-License-Identifier: MIT */
#include "daemon/broker/listening.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/fd.h"
#include "daemon/common/log.h"

#define BACKLOG   64
#define ORPHAN_MS 5000
#define PAUSE_MS  20 /* at first; then twice as long each time */

/* Says once for what zcrxd waits. */
static void tell(const struct sockaddr_un *sa, bool *told)
{
	if (!*told)
		log_info("%s: another process listens here; zcrxd waits %d s for its end",
			 sa->sun_path, ORPHAN_MS / 1000);
	*told = true;
}

/*
 * A socket file nobody listens on is left over from a crash: it may be replaced. Other files may
 * not. If somebody listens, waits until his end of the connection is closed, or for so many
 * milliseconds.
 */
static int check_stale_once(const struct sockaddr_un *sa, int type, int ms, bool *told)
{
	struct stat st;
	if (lstat(sa->sun_path, &st) < 0)
		return errno == ENOENT ? 0 : -errno;
	if (!S_ISSOCK(st.st_mode))
		return -EEXIST;
	_cleanup_(fd_closep) int fd = socket(AF_UNIX, type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return -errno;
	bool connects = connect(fd, (const struct sockaddr *)sa, sizeof(*sa)) == 0;
	if (!connects && errno != EAGAIN)
		return errno == ECONNREFUSED || errno == ENOENT ? 0 : -errno;
	tell(sa, told);
	if (connects)
		poll(&(struct pollfd){.fd = fd}, 1, ms);
	return -EADDRINUSE;
}

/*
 * If a zcrxd was killed just when it started a pump or a hand, that process has the zcrxd's
 * listening sockets until it executes its program: which takes a moment.
 */
static int check_stale(const struct sockaddr_un *sa, int type)
{
	int64_t until = clock_until(ORPHAN_MS);
	int left = ORPHAN_MS, pause_ms = PAUSE_MS, r;
	bool told = false;
	while ((r = check_stale_once(sa, type, left, &told)) == -EADDRINUSE &&
	       (left = clock_left(until)) > 0) {
		poll(NULL, 0, pause_ms < left ? pause_ms : left);
		pause_ms *= 2;
	}
	return r;
}

int listening_give(const char *path, mode_t mode, gid_t group)
{
	return chmod(path, mode) < 0 || chown(path, (uid_t)-1, group) < 0 ? -errno : 0;
}

/* Makes the folder of a socket, with its mode whatever the umask is. A folder that is there stays
 * as it is. */
static int folder_ensure(const char *path)
{
	const char *slash = strrchr(path, '/');
	_cleanup_(freep) char *folder = slash ? strndup(path, (size_t)(slash - path)) : NULL;
	if (!slash || slash == path)
		return 0;
	if (!folder)
		return -ENOMEM;
	if (mkdir(folder, 0755) == 0)
		return chmod(folder, 0755) < 0 ? -errno : 0;
	return errno == EEXIST ? 0 : -errno;
}

/*
 * What a client sends before its thread takes over is thrown away by others if it is refused, as is
 * all that readers of the status send. Sockets among it could make that wait (SO_LINGER), so the
 * kernel is to keep descriptors out. Before Linux 6.16 it cannot.
 */
static void keep_descriptors_out(int fd)
{
	int off = 0;
	setsockopt(fd, SOL_SOCKET, SO_PASSRIGHTS, &off, sizeof(off));
}

static int address(struct sockaddr_un *ret, const char *path, const char *suffix)
{
	*ret = (struct sockaddr_un){.sun_family = AF_UNIX};
	int n = snprintf(ret->sun_path, sizeof(ret->sun_path), "%s%s", path, suffix);
	return n < (int)sizeof(ret->sun_path) ? 0 : -ENAMETOOLONG;
}

/* Makes a socket that does not listen yet. */
static int make_at(const struct sockaddr_un *sa, int type, mode_t mode, gid_t group)
{
	if (unlink(sa->sun_path) < 0 && errno != ENOENT)
		return -errno;
	_cleanup_(fd_closep) int fd = socket(AF_UNIX, type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0 || bind(fd, (const struct sockaddr *)sa, sizeof(*sa)) < 0)
		return -errno;
	keep_descriptors_out(fd);
	int r = listening_give(sa->sun_path, mode, group);
	if (r == 0)
		return fd_steal(&fd);
	unlink(sa->sun_path);
	return r;
}

static int rename_listen(const char *from, const char *to, int fd)
{
	if (rename(from, to) < 0) {
		int r = -errno;
		unlink(from);
		return r;
	}
	if (listen(fd, BACKLOG) == 0)
		return 0;
	int r = -errno;
	unlink(to);
	return r;
}

/*
 * What a crash left is replaced at once, so that at no time nothing lies at the path: to clients
 * that would mean that zcrxd is not there. The socket listens last: nobody can connect before its
 * mode and group are right.
 */
static int make(const char *path, int type, mode_t mode, gid_t group)
{
	struct sockaddr_un sa, fresh;
	int r = address(&sa, path, "");
	if (r == 0)
		r = address(&fresh, path, "~");
	if (r == 0)
		r = folder_ensure(path);
	if (r == 0)
		r = check_stale(&sa, type);
	if (r == 0)
		r = check_stale(&fresh, type);
	if (r < 0)
		return r;
	_cleanup_(fd_closep) int fd = make_at(&fresh, type, mode, group);
	if (fd < 0)
		return fd;
	r = rename_listen(fresh.sun_path, path, fd);
	return r < 0 ? r : fd_steal(&fd);
}

int listening_make(const char *path, const char *from, int type, mode_t mode, gid_t group)
{
	int r = make(path, type, mode, group);
	if (r == -EADDRINUSE)
		log_error("%s (%s): another zcrxd listens here, or systemd for one; stop it or "
			  "choose another path",
			  path, from);
	else if (r == -EPROTOTYPE)
		log_error(
			"%s (%s): cannot listen: somebody listens here at a socket of another kind",
			path, from);
	else if (r < 0)
		log_error("%s (%s): cannot listen: %s", path, from, strerrordesc_np(-r));
	return r;
}

void listening_adopt(int fd)
{
	/* Others hold it too and may be faster: our accept must not wait then. */
	fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK);
	listen(fd, BACKLOG);
	keep_descriptors_out(fd);
}

/* -1: the kernel does not tell. */
static int passes_descriptors(int fd)
{
	int on = -1;
	socklen_t len = sizeof(on);
	return getsockopt(fd, SOL_SOCKET, SO_PASSRIGHTS, &on, &len) < 0 ? -1 : on;
}

bool listening_lets_descriptors_in(int sock)
{
	return passes_descriptors(sock) != 0;
}

/* A connection has the setting that its listener had when the connection was made. */
bool listening_was_open(int listener, int connection)
{
	return passes_descriptors(listener) == 0 && passes_descriptors(connection) == 1;
}
