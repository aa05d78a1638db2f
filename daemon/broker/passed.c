/* SPDX-License-Identifier: MIT */
#include "daemon/broker/passed.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <systemd/sd-daemon.h>

struct line {
	int fd;
	char name[POLICY_NAME_BYTES], origin[8], path[128];
};

void passed_write(FILE *to, int fd, const char *name, bool made, const char *path)
{
	fprintf(to, "%d %s %s %s\n", fd, name, made ? "made" : "systemd", path);
}

/* Reads the next line of *text, and moves *text behind it. Returns false if there is none. */
static bool line_next(const char **text, struct line *ret)
{
	int bytes = 0;
	char *names;
	static_assert(POLICY_NAME_BYTES == 32, "as in the format");
	if (!*text)
		return false;
	ret->fd = (int)strtol(*text, &names, 10);
	if (sscanf(names, " %31s %7s %127[^\n]\n%n", ret->name, ret->origin, ret->path, &bytes) !=
	    3)
		return false;
	*text = names + bytes;
	return true;
}

static const char *lines(void)
{
	/* NOLINTNEXTLINE(concurrency-mt-unsafe): there is one thread */
	return secure_getenv(PASSED_SOCKETS);
}

static int replace(char **field, const char *value)
{
	char *copy = strdup(value);
	if (!copy)
		return -ENOMEM;
	free(*field);
	*field = copy;
	return 0;
}

int passed_paths(struct config *config)
{
	const char *text = lines();
	struct line line;
	int r = 0;
	while (r == 0 && line_next(&text, &line))
		if (strcmp(line.name, "clients") == 0)
			r = replace(&config->clients, line.path);
		else if (strcmp(line.name, "status") == 0)
			r = replace(&config->status, line.path);
	return r;
}

typedef int taker(void *data, int fd, const char *name, const char *made);

static int from_systemd(taker *take, void *data)
{
	char **names = NULL;
	int n = sd_listen_fds_with_names(1, &names), r = n < 0 ? n : 0;
	for (int i = 0; i < n; i++) {
		if (r == 0)
			r = take(data, SD_LISTEN_FDS_START + i, names[i], "");
		free(names[i]);
	}
	free(names);
	return r;
}

int passed_each(taker *take, void *data)
{
	const char *text = lines();
	struct line line;
	int r = 0;
	if (!text)
		return from_systemd(take, data);
	while (r == 0 && line_next(&text, &line)) {
		bool made = strcmp(line.origin, "made") == 0;
		r = fcntl(line.fd, F_SETFD, FD_CLOEXEC) < 0 ? -errno : 0;
		if (r == 0)
			r = take(data, line.fd, line.name, made ? line.path : "");
	}
	unsetenv(PASSED_SOCKETS); /* NOLINT(concurrency-mt-unsafe): there is one thread */
	return r;
}
