/* SPDX-License-Identifier: MIT */
#include "daemon/broker/passing.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/cleanup.h"
#include "daemon/broker/passed.h"

static int fd_cloexec(int fd, bool on)
{
	return fcntl(fd, F_SETFD, on ? FD_CLOEXEC : 0) < 0 ? -errno : 0;
}

static int pass(FILE *to, int fd, const char *name, bool made, const char *path)
{
	passed_write(to, fd, name, made, path);
	return fd_cloexec(fd, false);
}

static int pass_all(FILE *to, const struct listeners *l, const struct config *config)
{
	const struct class_socket *s;
	int r = pass(to, l->clients, "clients", l->made[0], config->clients);
	if (r == 0)
		r = pass(to, l->status, "status", l->made[1], config->status);
	LIST_FOREACH (s, &l->classes, link)
		if (r == 0)
			r = pass(to, s->fd, s->class, s->made,
				 s->aside  ? s->aside
				 : s->made ? s->made
					   : "-");
	return r;
}

int passing_prepare(const struct listeners *l, const struct config *config)
{
	_cleanup_(freep) char *text = NULL;
	size_t bytes;
	FILE *to = open_memstream(&text, &bytes);
	if (!to)
		return -ENOMEM;
	int r = pass_all(to, l, config);
	if (fclose(to) != 0)
		r = -ENOMEM;
	/* NOLINTNEXTLINE(concurrency-mt-unsafe): no other thread runs */
	if (r == 0 && setenv(PASSED_SOCKETS, text, 1) < 0)
		r = -ENOMEM;
	return r;
}

void passing_undo(const struct listeners *l)
{
	const struct class_socket *s;
	fd_cloexec(l->clients, true);
	fd_cloexec(l->status, true);
	LIST_FOREACH (s, &l->classes, link)
		fd_cloexec(s->fd, true);
	unsetenv(PASSED_SOCKETS); /* NOLINT(concurrency-mt-unsafe): no other thread runs */
}
