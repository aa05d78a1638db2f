/* SPDX-License-Identifier: MIT */
#include "daemon/broker/class_socket.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/fd.h"
#include "daemon/broker/listening.h"
#include "daemon/common/log.h"

bool class_sockets_has(const struct class_sockets *all, const char *class)
{
	const struct class_socket *s;
	LIST_FOREACH (s, all, link)
		if (strcmp(s->class, class) == 0)
			return true;
	return false;
}

/* Takes over the descriptor. */
static struct class_socket *class_add(struct class_sockets *all, const char *class, int fd)
{
	struct class_socket *s = calloc(1, sizeof(*s));
	if (!s) {
		fd_close(fd);
		return NULL;
	}
	s->fd = fd;
	strncat(s->class, class, sizeof(s->class) - 1);
	LIST_INSERT_HEAD(all, s, link);
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

int class_sockets_take(struct class_sockets *all, int fd, const char *name, const char *made)
{
	bool possible = *name && strlen(name) < POLICY_NAME_BYTES;
	struct class_socket *s = class_add(all, possible ? name : NO_CLASS, fd);
	if (!s)
		return -ENOMEM;
	s->made = *made ? strdup(made) : NULL;
	return *made && !s->made ? -ENOMEM : 0;
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
static void warn(const struct class_sockets *all, const struct config *config)
{
	const struct class_socket *s;
	LIST_FOREACH (s, all, link)
		if (!s->made)
			compare(s, policy_class_find(&config->policy, s->class));
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
static bool passed_for_another(const struct class_sockets *all, const struct policy_class *c)
{
	const struct class_socket *s;
	struct place room;
	LIST_FOREACH (s, all, link)
		if (!s->made && strcmp(place_of(&room, s), c->socket) == 0)
			return true;
	return false;
}

static bool is_served(const struct class_sockets *all, const struct policy_class *c)
{
	const struct class_socket *s;
	LIST_FOREACH (s, all, link)
		if (serves(s, c))
			return true;
	return !c->socket || passed_for_another(all, c);
}

static struct class_socket *path_find(const struct class_sockets *all, const char *path)
{
	struct class_socket *s;
	LIST_FOREACH (s, all, link)
		if (s->made && !s->replaced && strcmp(s->made, path) == 0)
			return s;
	return NULL;
}

/* [sockets] hold until the end. */
static bool is_reserved(char *const reserved[2], const struct policy_class *c)
{
	for (size_t i = 0; i < 2; i++) {
		if (!reserved[i] || strcmp(reserved[i], c->socket) != 0)
			continue;
		log_error("[class %s] socket=%s: until zcrxd is restarted this is one of [sockets]",
			  c->name, c->socket);
		return true;
	}
	return false;
}

static int class_listen(struct class_sockets *all, char *const reserved[2],
			const struct policy_class *c)
{
	_cleanup_(freep) char *path = strdup(c->socket), *aside = NULL;
	if (!path || (path_find(all, path) && asprintf(&aside, "%s.new", path) < 0))
		return -ENOMEM;
	if (is_reserved(reserved, c))
		return -EADDRINUSE;
	const char *at = aside ? aside : path;
	_cleanup_(freep) char *from = NULL;
	if (asprintf(&from, "socket= of [class %s]", c->name) < 0)
		return -ENOMEM;
	int fd = listening_make(at, from, SOCK_SEQPACKET, c->mode, c->gid);
	if (fd < 0)
		return fd;
	struct class_socket *s = class_add(all, c->name, fd);
	if (!s) {
		unlink(at);
		return -ENOMEM;
	}
	s->made = path;
	s->aside = aside;
	path = aside = NULL;
	return 0;
}

int class_sockets_add(struct class_sockets *all, char *const reserved[2],
		      const struct config *config)
{
	struct class_socket *before = LIST_FIRST(all);
	int r = 0;
	for (const struct policy_class *c = config->policy.classes; c && r == 0; c = c->next)
		if (!is_served(all, c))
			r = class_listen(all, reserved, c);
	while (r < 0 && LIST_FIRST(all) != before)
		class_remove(LIST_FIRST(all));
	return r;
}

/* Puts the sockets that are aside in the place of those that were there. */
static void take_places(struct class_sockets *all)
{
	struct class_socket *s, *old;
	LIST_FOREACH (s, all, link) {
		if (!s->aside || !s->made)
			continue;
		if (rename(s->aside, s->made) < 0) {
			log_error("%s: the socket stays at %s: %s", s->made, s->aside,
				  strerrordesc_np(errno));
			continue;
		}
		LIST_FOREACH (old, all, link)
			if (old != s && old->made && strcmp(old->made, s->made) == 0)
				old->replaced = true;
		free(s->aside);
		s->aside = NULL;
	}
}

void class_sockets_drop(struct class_sockets *all, const struct config *config)
{
	struct class_socket *s, *next;
	int r;
	take_places(all);
	for (s = LIST_FIRST(all); s; s = next) {
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
	warn(all, config);
}

void class_sockets_close(struct class_sockets *all)
{
	while (!LIST_EMPTY(all))
		class_remove(LIST_FIRST(all));
}
