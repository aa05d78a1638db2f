/* SPDX-License-Identifier: MIT */
#include "daemon/broker/listener.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <systemd/sd-daemon.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/size.h"
#include "daemon/broker/listening.h"
#include "daemon/broker/passed.h"
#include "daemon/common/log.h"

static int note_made(char **ret, const char *made)
{
	*ret = *made ? strdup(made) : NULL;
	return *made && !*ret ? -ENOMEM : 0;
}

static int take(void *listeners, int fd, const char *name, const char *made)
{
	struct listeners *l = listeners;
	bool status = strcmp(name, "status") == 0, clients = strcmp(name, "clients") == 0;
	bool fits = clients  ? l->clients < 0
		    : status ? l->status < 0
			     : !class_sockets_has(&l->classes, name);
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
		return class_sockets_take(&l->classes, fd, name, made);
	*(clients ? &l->clients : &l->status) = fd;
	return note_made(&l->made[status], made);
}

static int listener_ensure(struct listeners *l, bool status, const struct config *config,
			   const char *from)
{
	const char *path = status ? config->status : config->clients;
	int *fd = status ? &l->status : &l->clients;
	if (*fd >= 0)
		return 0;
	int r = listening_make(path, from, status ? SOCK_STREAM : SOCK_SEQPACKET,
			       status ? config->mode & ~(mode_t)S_IRWXO : config->mode,
			       config->gid);
	if (r < 0)
		return r;
	*fd = r;
	l->made[status] = strdup(path);
	return 0;
}

/* Sockets that were passed on have their places already. */
static int check_paths(const struct listeners *l, const struct config *config,
		       const char *const from[2])
{
	if (l->clients >= 0 || l->status >= 0 || strcmp(config->clients, config->status) != 0)
		return 0;
	log_error("%s: %s and %s are the same path", config->clients, from[0], from[1]);
	return -EADDRINUSE;
}

int listeners_open(struct listeners *l, const struct config *config, const char *const from[2])
{
	*l = (struct listeners){.clients = -1, .status = -1};
	LIST_INIT(&l->classes);
	int r = passed_each(take, l);
	if (r == 0)
		r = check_paths(l, config, from);
	if (r == 0)
		r = listener_ensure(l, false, config, from[0]);
	if (r == 0)
		r = listener_ensure(l, true, config, from[1]);
	if (r == 0)
		r = class_sockets_add(&l->classes, l->made, config);
	if (r < 0) {
		listeners_close(l);
		return r;
	}
	class_sockets_drop(&l->classes, config);
	return 0;
}

void listeners_close(struct listeners *l)
{
	class_sockets_close(&l->classes);
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
