/* SPDX-License-Identifier: MIT */
#include "listener.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <systemd/sd-daemon.h>

#include "log.h"
#include "util.h"

#define BACKLOG 64

/* A socket file nobody listens on is left over from a crash: it may go. Other files may not. */
static int remove_stale(const struct sockaddr_un *sa, int type)
{
	struct stat st;
	if (lstat(sa->sun_path, &st) < 0)
		return errno == ENOENT ? 0 : -errno;
	if (!S_ISSOCK(st.st_mode))
		return -EEXIST;
	_cleanup_(fd_closep) int fd = socket(AF_UNIX, type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return -errno;
	if (connect(fd, (const struct sockaddr *)sa, sizeof(*sa)) == 0 || errno == EAGAIN)
		return -EADDRINUSE;
	if (errno != ECONNREFUSED)
		return errno == ENOENT ? 0 : -errno;
	return unlink(sa->sun_path) < 0 && errno != ENOENT ? -errno : 0;
}

static int group_find(const char *name, gid_t *ret)
{
	struct group group, *found = NULL;
	char room[4096];
	if (getgrnam_r(name, &group, room, sizeof(room), &found) != 0 || !found) {
		log_error("[sockets] group=%s: there is no such group", name);
		return -ENOENT;
	}
	*ret = group.gr_gid;
	return 0;
}

static int listener_make(const char *path, int type, const struct config *config)
{
	struct sockaddr_un sa = {.sun_family = AF_UNIX};
	if (strlen(path) >= sizeof(sa.sun_path))
		return -ENAMETOOLONG;
	memcpy(sa.sun_path, path, strlen(path));
	gid_t group = (gid_t)-1;
	int r = config->group ? group_find(config->group, &group) : 0;
	if (r == 0)
		r = remove_stale(&sa, type);
	if (r < 0)
		return r;
	_cleanup_(fd_closep) int fd = socket(AF_UNIX, type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0 || bind(fd, (struct sockaddr *)&sa, sizeof(sa)) < 0)
		return -errno;
	/* Not listening yet: nobody can connect before mode and group are right. */
	if (chmod(path, config->mode) < 0 || chown(path, (uid_t)-1, group) < 0 ||
	    listen(fd, BACKLOG) < 0) {
		r = -errno;
		unlink(path);
		return r;
	}
	return fd_steal(&fd);
}

static int take(struct listeners *l, int fd, const char *name)
{
	bool clients = strcmp(name, "clients") == 0, status = strcmp(name, "status") == 0;
	int *slot = clients ? &l->clients : &l->status;
	if ((clients || status) && *slot < 0 &&
	    sd_is_socket(fd, AF_UNIX, clients ? SOCK_SEQPACKET : SOCK_STREAM, 1) > 0) {
		/* Others hold it too and may be faster: our accept must not wait then. */
		fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK);
		*slot = fd;
		return 0;
	}
	log_error("socket '%s' from systemd: expected one SOCK_SEQPACKET named clients and one "
		  "SOCK_STREAM named status",
		  name);
	return -EINVAL;
}

static int from_systemd(struct listeners *l)
{
	char **names = NULL;
	int n = sd_listen_fds_with_names(1, &names), r = n < 0 ? n : 0;
	for (int i = 0; i < n; i++) {
		if (r == 0)
			r = take(l, SD_LISTEN_FDS_START + i, names[i]);
		free(names[i]);
	}
	free(names);
	return r;
}

static int listener_ensure(int *fd, char **ret_made, const char *path, int type,
			   const struct config *config)
{
	if (*fd >= 0)
		return 0;
	int r = listener_make(path, type, config);
	if (r == -EADDRINUSE)
		log_error("%s: another zcrxd listens here; stop it or choose another path", path);
	else if (r < 0)
		log_error("%s: cannot listen: %s", path, strerrordesc_np(-r));
	if (r < 0)
		return r;
	*fd = r;
	*ret_made = strdup(path);
	return 0;
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

int listeners_open(struct listeners *l, const struct config *config)
{
	*l = (struct listeners){.clients = -1, .status = -1};
	int r = from_systemd(l);
	if (r == 0)
		r = listener_ensure(&l->clients, &l->made[0], config->clients, SOCK_SEQPACKET,
				    config);
	if (r == 0)
		r = listener_ensure(&l->status, &l->made[1], config->status, SOCK_STREAM, config);
	if (r < 0) {
		listeners_close(l);
		return r;
	}
	keep_descriptors_out(l->clients);
	keep_descriptors_out(l->status);
	return 0;
}

void listeners_close(struct listeners *l)
{
	for (size_t i = 0; i < ARRAY_LENGTH(l->made); i++) {
		if (l->made[i])
			unlink(l->made[i]);
		free(l->made[i]);
		l->made[i] = NULL;
	}
	l->clients = fd_close(l->clients);
	l->status = fd_close(l->status);
}
