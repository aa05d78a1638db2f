/* SPDX-License-Identifier: MIT */
#include "tests/zcrx/demand.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "tests/kernel/die.h"

#define AREA_BYTES ((size_t)1 << 20)

/* A memfd that may be an area. No page of it is there. */
static int untouched_memfd(void)
{
	int fd = memfd_create("untouched", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	if (fd < 0 || ftruncate(fd, AREA_BYTES) < 0 || fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK) < 0)
		die("a memfd: %m");
	return fd;
}

/* Adds an area and deletes it. */
static void mappings(const struct harmful *with, int fd)
{
	struct zcrx_area *a;
	if (zcrx_area_import(with->z, &a, fd, AREA_BYTES) == 0)
		zcrx_area_free(a);
}

/* Asks for what is refused. */
static void requests(const struct harmful *with, int fd)
{
	struct zcrx_flow *f;
	if (zcrx_flow_adopt(with->q, &f, fd, 0, NULL) == 0)
		die("a memfd was taken for a socket");
}

/* Opens a queue again and again, and closes it. */
static void queues(const struct harmful *with, int fd)
{
	struct zcrx_queue *q;
	(void)fd;
	if (zcrx_queue_open(with->z, &q, with->area, with->options) == 0)
		zcrx_queue_close(q);
}

/* Opens queues on areas of which no page is there. */
static void untouched(const struct harmful *with, int fd)
{
	struct zcrx_area *a;
	struct zcrx_queue *q;
	(void)fd;
	fd = untouched_memfd();
	if (zcrx_area_import(with->z, &a, fd, AREA_BYTES) == 0) {
		if (zcrx_queue_open(with->z, &q, a, with->options) == 0)
			zcrx_queue_close(q);
		zcrx_area_free(a);
	}
	close(fd);
}

/* Says HELLO and hangs up. */
static void hello(const struct harmful *with, int fd)
{
	struct zcrx *z;
	(void)with, (void)fd;
	if (zcrx_connect(&z, NULL) == 0)
		zcrx_close(z);
}

/* Reads neither events nor completions. */
static void unread(const struct harmful *with, int fd)
{
	(void)fd;
	usleep(with->pause_us);
}

static const struct {
	const char *name;
	void (*once)(const struct harmful *with, int fd);
	bool needs_room; /* for another queue: it gives up its own */
} demands[] = {
	{"mappings", mappings, false},  {"requests", requests, false}, {"queues", queues, true},
	{"untouched", untouched, true}, {"hello", hello, false},       {"unread", unread, false},
};

static size_t find(const char *what)
{
	size_t i = 0;
	while (i < sizeof(demands) / sizeof(demands[0]) && strcmp(demands[i].name, what) != 0)
		i++;
	return i;
}

bool demand_is(const char *what)
{
	return find(what) < sizeof(demands) / sizeof(demands[0]);
}

_Noreturn void demand(const char *what, const struct harmful *with)
{
	size_t i = find(what);
	int fd = untouched_memfd();
	getchar();
	if (demands[i].needs_room)
		zcrx_queue_close(with->q);
	for (;;)
		demands[i].once(with, fd);
}
