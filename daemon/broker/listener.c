/* SPDX-License-Identifier: MIT */
#include "daemon/broker/listener.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <systemd/sd-daemon.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/fd.h"
#include "base/size.h"
#include "daemon/broker/listening.h"
#include "daemon/broker/passed.h"
#include "daemon/common/log.h"

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

/* Of a name that no class can have: who connects there is refused, whatever the classes are. */
#define NO_CLASS "?"

static int note_made(char **ret, const char *made)
{
	*ret = *made ? strdup(made) : NULL;
	return *made && !*ret ? -ENOMEM : 0;
}

static int take_class(struct listeners *l, int fd, const char *name, const char *made)
{
	bool possible = *name && strlen(name) < POLICY_NAME_BYTES;
	struct class_socket *s = class_add(l, possible ? name : NO_CLASS, fd);
	return s ? note_made(&s->made, made) : -ENOMEM;
}

static int take(void *listeners, int fd, const char *name, const char *made)
{
	struct listeners *l = listeners;
	bool status = strcmp(name, "status") == 0, clients = strcmp(name, "clients") == 0;
	bool fits = clients ? l->clients < 0 : status ? l->status < 0 : !class_find(l, name);
	if (!fits || sd_is_socket(fd, AF_UNIX, status ? SOCK_STREAM : SOCK_SEQPACKET, 1) <= 0) {
		log_error(
			"socket '%s' that was passed on: expected one SOCK_SEQPACKET named clients, "
			"one SOCK_STREAM named status, and one SOCK_SEQPACKET for each class of "
			"zcrxd.conf that has a socket",
			name);
		return -EINVAL;
	}
	listening_adopt(fd);
	if (!clients && !status)
		return take_class(l, fd, name, made);
	*(clients ? &l->clients : &l->status) = fd;
	return note_made(&l->made[status], made);
}

/* Where a socket of systemd's lies; "" if that is not known. */
struct place {
	struct sockaddr_un address;
	char end; /* a path that fills its room has none */
};

static const char *place_of(struct place *room, const struct class_socket *s)
{
	socklen_t len = sizeof(room->address);
	*room = (struct place){0};
	return getsockname(s->fd, (struct sockaddr *)&room->address, &len) < 0
		       ? ""
		       : room->address.sun_path;
}

/* Warns if the socket's unit and zcrxd.conf say different things of where it lies and whose it is.
 */
static void compare(const struct class_socket *s, const struct policy_class *c)
{
	struct place room;
	const char *path = place_of(&room, s);
	if (!c || !c->socket)
		log_warn("%s: systemd passes this socket for the class %s, and zcrxd.conf has no "
			 "such class with a socket: who connects there is refused",
			 path, s->class);
	else if (strcmp(path, c->socket) != 0)
		log_warn("[class %s] socket=%s: systemd's unit made it at %s; let both say the "
			 "same",
			 c->name, c->socket, path);
}

/* A class may go while its socket unit stays; that is no reason not to serve the others. */
static void warn(const struct listeners *l, const struct config *config)
{
	const struct class_socket *s;
	LIST_FOREACH (s, &l->classes, link)
		if (!s->made)
			compare(s, policy_class_find(&config->policy, s->class));
}

static int listener_ensure(int *fd, char **ret_made, const char *path, int type, mode_t mode,
			   gid_t group)
{
	if (*fd >= 0)
		return 0;
	int r = listening_make(path, type, mode, group);
	if (r < 0) {
		const char *key = type == SOCK_STREAM ? "status" : "clients";
		log_error("this is the path of %s= in [sockets]; --%s takes another one", key,
			  type == SOCK_STREAM ? "status" : "socket");
		return r;
	}
	*fd = r;
	*ret_made = strdup(path);
	return 0;
}

int listeners_open(struct listeners *l, const struct config *config)
{
	*l = (struct listeners){.clients = -1, .status = -1};
	LIST_INIT(&l->classes);
	int r = passed_each(take, l);
	if (r == 0)
		r = listener_ensure(&l->clients, &l->made[0], config->clients, SOCK_SEQPACKET,
				    config->mode, config->gid);
	if (r == 0)
		r = listener_ensure(&l->status, &l->made[1], config->status, SOCK_STREAM,
				    config->mode & ~(mode_t)S_IRWXO, config->gid);
	if (r == 0)
		r = listeners_add(l, config);
	if (r < 0) {
		listeners_close(l);
		return r;
	}
	listeners_drop(l, config);
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

/* Does systemd's socket of another class lie at the path of this class? warn() has told of it. */
static bool passed_for_another(const struct listeners *l, const struct policy_class *c)
{
	const struct class_socket *s;
	struct place room;
	LIST_FOREACH (s, &l->classes, link)
		if (!s->made && strcmp(place_of(&room, s), c->socket) == 0)
			return true;
	return false;
}

static bool is_served(const struct listeners *l, const struct policy_class *c)
{
	const struct class_socket *s;
	LIST_FOREACH (s, &l->classes, link)
		if (serves(s, c))
			return true;
	return !c->socket || passed_for_another(l, c);
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
	int fd = listening_make(at, SOCK_SEQPACKET, c->mode, c->gid);
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
	int r;
	take_places(l);
	for (s = LIST_FIRST(&l->classes); s; s = next) {
		const struct policy_class *c = served(s, config);
		next = LIST_NEXT(s, link);
		if (!s->made)
			continue;
		if (!c)
			class_remove(s);
		else if ((r = listening_give(s->made, c->mode, c->gid)) < 0)
			log_warn("%s: mode and group stay as they are: %s", c->socket,
				 strerrordesc_np(-r));
	}
	warn(l, config);
}

void listeners_close(struct listeners *l)
{
	while (!LIST_EMPTY(&l->classes))
		class_remove(LIST_FIRST(&l->classes));
	for (size_t i = 0; i < ARRAY_LENGTH(l->made); i++) {
		l->sources[i] = sd_event_source_disable_unref(l->sources[i]);
		if (l->made[i])
			unlink(l->made[i]);
		free(l->made[i]);
		l->made[i] = NULL;
	}
	l->clients = fd_close(l->clients);
	l->status = fd_close(l->status);
}
