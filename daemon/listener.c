/* SPDX-License-Identifier: MIT */
#include "listener.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <systemd/sd-daemon.h>

#include "log.h"
#include "names.h"
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

/* -1, which changes nothing, without a name. */
static int group_find(const char *name, gid_t *ret)
{
	*ret = (gid_t)-1;
	if (!name)
		return 0;

	int r = name_group(name, ret);
	if (r == -ENOENT)
		log_error("group=%s: there is no such group", name);
	else if (r < 0)
		log_error("group=%s: it cannot be looked up: %s", name, strerrordesc_np(-r));
	return r;
}

static int listener_make(const char *path, int type, mode_t mode, const char *group_name)
{
	struct sockaddr_un sa = {.sun_family = AF_UNIX};
	if (strlen(path) >= sizeof(sa.sun_path))
		return -ENAMETOOLONG;
	memcpy(sa.sun_path, path, strlen(path));
	gid_t group;
	int r = group_find(group_name, &group);
	if (r == 0)
		r = remove_stale(&sa, type);
	if (r < 0)
		return r;
	_cleanup_(fd_closep) int fd = socket(AF_UNIX, type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0 || bind(fd, (struct sockaddr *)&sa, sizeof(sa)) < 0)
		return -errno;
	/* Not listening yet: nobody can connect before mode and group are right. */
	if (chmod(path, mode) < 0 || chown(path, (uid_t)-1, group) < 0 || listen(fd, BACKLOG) < 0) {
		r = -errno;
		unlink(path);
		return r;
	}
	return fd_steal(&fd);
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

static struct class_socket *class_find(const struct listeners *l, const char *class)
{
	struct class_socket *s;
	LIST_FOREACH (s, &l->classes, link)
		if (strcmp(s->class, class) == 0)
			return s;
	return NULL;
}

/* Takes over the descriptor. */
static struct class_socket *class_add(struct listeners *l, const char *class, int fd)
{
	struct class_socket *s = calloc(1, sizeof(*s));
	if (!s) {
		fd_close(fd);
		return NULL;
	}
	s->fd = fd;
	strncat(s->class, class, sizeof(s->class) - 1);
	LIST_INSERT_HEAD(&l->classes, s, link);
	keep_descriptors_out(fd);
	return s;
}

static void class_remove(struct class_socket *s)
{
	LIST_REMOVE(s, link);
	sd_event_source_disable_unref(s->source);
	if (s->aside)
		unlink(s->aside);
	else if (s->made && !s->replaced)
		unlink(s->made);
	free(s->aside);
	free(s->made);
	fd_close(s->fd);
	free(s);
}

static bool has_socket(const struct config *config, const char *class)
{
	const struct policy_class *c = policy_class_find(&config->policy, class);
	return c && c->socket;
}

static int take(struct listeners *l, const struct config *config, int fd, const char *name)
{
	bool status = strcmp(name, "status") == 0, clients = strcmp(name, "clients") == 0;
	bool fits = clients  ? l->clients < 0
		    : status ? l->status < 0
			     : has_socket(config, name) && !class_find(l, name);
	if (!fits || sd_is_socket(fd, AF_UNIX, status ? SOCK_STREAM : SOCK_SEQPACKET, 1) <= 0) {
		log_error("socket '%s' from systemd: expected one SOCK_SEQPACKET named clients, "
			  "one SOCK_STREAM named status, and a SOCK_SEQPACKET for each class of "
			  "zcrxd.conf that has a socket",
			  name);
		return -EINVAL;
	}
	/* Others hold it too and may be faster: our accept must not wait then. */
	fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK);
	if (clients)
		l->clients = fd;
	else if (status)
		l->status = fd;
	return clients || status || class_add(l, name, fd) ? 0 : -ENOMEM;
}

static int from_systemd(struct listeners *l, const struct config *config)
{
	char **names = NULL;
	int n = sd_listen_fds_with_names(1, &names), r = n < 0 ? n : 0;
	for (int i = 0; i < n; i++) {
		if (r == 0)
			r = take(l, config, SD_LISTEN_FDS_START + i, names[i]);
		free(names[i]);
	}
	free(names);
	return r;
}

/* listener_make() that says what is wrong. */
static int listener_try(const char *path, int type, mode_t mode, const char *group)
{
	int r = listener_make(path, type, mode, group);
	if (r == -EADDRINUSE)
		log_error("%s: another zcrxd listens here, or systemd for one; stop it or choose "
			  "another path",
			  path);
	else if (r < 0)
		log_error("%s: cannot listen: %s", path, strerrordesc_np(-r));
	return r;
}

static int listener_ensure(int *fd, char **ret_made, const char *path, int type, mode_t mode,
			   const char *group)
{
	if (*fd >= 0)
		return 0;
	int r = listener_try(path, type, mode, group);
	if (r < 0)
		return r;
	*fd = r;
	*ret_made = strdup(path);
	return 0;
}

int listeners_open(struct listeners *l, const struct config *config)
{
	*l = (struct listeners){.clients = -1, .status = -1};
	LIST_INIT(&l->classes);
	int r = from_systemd(l, config);
	if (r == 0)
		r = listener_ensure(&l->clients, &l->made[0], config->clients, SOCK_SEQPACKET,
				    config->mode, config->group);
	if (r == 0)
		r = listener_ensure(&l->status, &l->made[1], config->status, SOCK_STREAM,
				    config->mode & ~(mode_t)S_IRWXO, config->group);
	if (r == 0)
		r = listeners_add(l, config);
	if (r < 0) {
		listeners_close(l);
		return r;
	}
	keep_descriptors_out(l->clients);
	keep_descriptors_out(l->status);
	return 0;
}

static bool serves(const struct class_socket *s, const struct policy_class *c)
{
	return c->socket && strcmp(s->class, c->name) == 0 &&
	       (!s->made || strcmp(s->made, c->socket) == 0);
}

static const struct policy_class *served(const struct class_socket *s, const struct config *config)
{
	const struct policy_class *c = config->policy.classes;
	while (c && !serves(s, c))
		c = c->next;
	return c;
}

static bool is_served(const struct listeners *l, const struct policy_class *c)
{
	const struct class_socket *s;
	LIST_FOREACH (s, &l->classes, link)
		if (serves(s, c))
			return true;
	return !c->socket;
}

static struct class_socket *path_find(const struct listeners *l, const char *path)
{
	struct class_socket *s;
	LIST_FOREACH (s, &l->classes, link)
		if (s->made && !s->replaced && strcmp(s->made, path) == 0)
			return s;
	return NULL;
}

/* [sockets] hold until the end. */
static bool is_reserved(const struct listeners *l, const struct policy_class *c)
{
	for (size_t i = 0; i < ARRAY_LENGTH(l->made); i++) {
		if (!l->made[i] || strcmp(l->made[i], c->socket) != 0)
			continue;
		log_error("[class %s] socket=%s: until zcrxd is restarted this is one of [sockets]",
			  c->name, c->socket);
		return true;
	}
	return false;
}

static int class_listen(struct listeners *l, const struct policy_class *c)
{
	_cleanup_(freep) char *path = strdup(c->socket), *aside = NULL;
	if (!path || (path_find(l, path) && asprintf(&aside, "%s.new", path) < 0))
		return -ENOMEM;
	if (is_reserved(l, c))
		return -EADDRINUSE;
	const char *at = aside ? aside : path;
	int fd = listener_try(at, SOCK_SEQPACKET, c->mode, c->group);
	if (fd < 0)
		return fd;
	struct class_socket *s = class_add(l, c->name, fd);
	if (!s) {
		unlink(at);
		return -ENOMEM;
	}
	s->made = path;
	s->aside = aside;
	path = aside = NULL;
	return 0;
}

int listeners_add(struct listeners *l, const struct config *config)
{
	struct class_socket *before = LIST_FIRST(&l->classes);
	int r = 0;
	for (const struct policy_class *c = config->policy.classes; c && r == 0; c = c->next)
		if (!is_served(l, c))
			r = class_listen(l, c);
	while (r < 0 && LIST_FIRST(&l->classes) != before)
		class_remove(LIST_FIRST(&l->classes));
	return r;
}

/* Puts the sockets that are aside in the place of those that were there. */
static void take_places(struct listeners *l)
{
	struct class_socket *s, *old;
	LIST_FOREACH (s, &l->classes, link) {
		if (!s->aside || !s->made)
			continue;
		if (rename(s->aside, s->made) < 0) {
			log_error("%s: the socket stays at %s: %s", s->made, s->aside,
				  strerrordesc_np(errno));
			continue;
		}
		LIST_FOREACH (old, &l->classes, link)
			if (old != s && old->made && strcmp(old->made, s->made) == 0)
				old->replaced = true;
		free(s->aside);
		s->aside = NULL;
	}
}

void listeners_drop(struct listeners *l, const struct config *config)
{
	struct class_socket *s, *next;
	take_places(l);
	for (s = LIST_FIRST(&l->classes); s; s = next) {
		const struct policy_class *c = served(s, config);
		gid_t group;
		next = LIST_NEXT(s, link);
		if (!s->made)
			continue;
		if (!c)
			class_remove(s);
		else if (chmod(s->made, c->mode) < 0 || group_find(c->group, &group) < 0 ||
			 chown(s->made, (uid_t)-1, group) < 0)
			log_warn("%s: mode and group stay as they are: %s", c->socket,
				 strerrordesc_np(errno));
	}
}

void listeners_close(struct listeners *l)
{
	while (!LIST_EMPTY(&l->classes))
		class_remove(LIST_FIRST(&l->classes));
	for (size_t i = 0; i < ARRAY_LENGTH(l->made); i++) {
		if (l->made[i])
			unlink(l->made[i]);
		free(l->made[i]);
		l->made[i] = NULL;
	}
	l->clients = fd_close(l->clients);
	l->status = fd_close(l->status);
}
