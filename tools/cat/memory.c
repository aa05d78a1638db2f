/* SPDX-License-Identifier: MIT */
#include "tools/cat/memory.h"

#include "tools/cat/say.h"
#include "tools/cat/size.h"
#include <zcrx-mem.h>
#include <zcrx.h>

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* A kind of memory, which the command line names as KIND[:WHICH][:SIZE]. */
struct memory_kind {
	const char *name;
	const char *usage;
	enum {
		ALONE,
		NAMED,
		NUMBERED
	} which;
	bool fixed; /* its size is not chosen here */
	int (*open)(struct memory *m, struct zcrx *z, const struct memory_wish *wish);
};

static int made(struct memory *m, const struct zcrx *z, int r)
{
	m->error = zcrx_error(z);
	return r;
}

/* Imports a new dma-buf as an area, or tells what its exporter said. */
static int import(struct memory *m, struct zcrx *z, int fd)
{
	int r;

	if (fd < 0) {
		m->error = zcrx_mem_error();
		return fd;
	}
	r = made(m, z, zcrx_area_import(z, &m->area, fd, 0));
	close(fd);
	return r;
}

static int open_memfd(struct memory *m, struct zcrx *z, const struct memory_wish *wish)
{
	return made(m, z, zcrx_area_new(z, &m->area, wish->bytes, 0));
}

static int open_udmabuf(struct memory *m, struct zcrx *z, const struct memory_wish *wish)
{
	int fd = zcrx_mem_udmabuf(wish->bytes);

	/* If this user may not open the device, zcrxd may make the udmabuf. */
	if (fd == -EACCES)
		return made(m, z, zcrx_area_new(z, &m->area, wish->bytes, ZCRX_AREA_UDMABUF));
	return import(m, z, fd);
}

static int open_heap(struct memory *m, struct zcrx *z, const struct memory_wish *wish)
{
	return import(m, z, zcrx_mem_heap(wish->name, wish->bytes));
}

static int open_drm(struct memory *m, struct zcrx *z, const struct memory_wish *wish)
{
	char path[32];

	snprintf(path, sizeof(path), "/dev/dri/card%u", wish->number);
	return import(m, z, zcrx_mem_drm(path, wish->bytes));
}

/*
 * The memory is not mapped: even where the CPU could read it, the bus would be slower than the
 * GPU's copies.
 */
static int open_cuda(struct memory *m, struct zcrx *z, const struct memory_wish *wish)
{
	int r = zcrx_cuda_new(&m->cuda, (int)wish->number, wish->bytes);

	if (r < 0) {
		m->error = zcrx_mem_error();
		return r;
	}
	return made(m, z, zcrx_area_import(z, &m->area, zcrx_cuda_fd(m->cuda), 0));
}

static int open_fd(struct memory *m, struct zcrx *z, const struct memory_wish *wish)
{
	return made(m, z, zcrx_area_import(z, &m->area, (int)wish->number, 0));
}

static const struct memory_kind kinds[] = {
	{"memfd", "memfd[:SIZE]", ALONE, false, open_memfd},
	{"udmabuf", "udmabuf[:SIZE]", ALONE, false, open_udmabuf},
	{"dma-heap", "dma-heap:NAME[:SIZE]", NAMED, false, open_heap},
	{"drm", "drm:CARD[:SIZE]", NUMBERED, false, open_drm},
	{"cuda", "cuda:DEVICE[:SIZE]", NUMBERED, false, open_cuda},
	{"fd", "fd:N", NUMBERED, true, open_fd},
};

const struct memory_wish memory_default = {.kind = &kinds[0], .bytes = 64u << 20};

/*
 * Copies the part up to the next colon, and moves *text behind the colon, or to NULL after the last
 * part.
 */
static bool part(const char **text, char *ret, size_t size)
{
	const char *from = *text, *colon;
	size_t len;

	if (!from)
		return false;
	colon = strchr(from, ':');
	len = colon ? (size_t)(colon - from) : strlen(from);
	if (len == 0 || len >= size)
		return false;
	memcpy(ret, from, len);
	ret[len] = '\0';
	*text = colon ? colon + 1 : NULL;
	return true;
}

static const struct memory_kind *kind_find(const char *name)
{
	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
		if (strcmp(name, kinds[i].name) == 0)
			return &kinds[i];
	return NULL;
}

static bool parse_which(struct memory_wish *w, const char **text)
{
	uint64_t n;

	if (w->kind->which == ALONE)
		return true;
	if (!part(text, w->name, sizeof(w->name)))
		return false;
	if (w->kind->which == NAMED)
		return true;
	if (!size_parse(w->name, &n) || n > INT_MAX)
		return false;
	w->number = (unsigned)n;
	return true;
}

static bool parse_size(struct memory_wish *w, const char **text)
{
	char size[32];
	uint64_t n;

	if (!*text)
		return true;
	if (w->kind->fixed || !part(text, size, sizeof(size)) || *text || !size_parse(size, &n) ||
	    n == 0 || n > SIZE_MAX)
		return false;
	w->bytes = (size_t)n;
	return true;
}

bool memory_parse(struct memory_wish *ret, const char *text)
{
	struct memory_wish w = {.bytes = memory_default.bytes};
	const char *rest = text;
	char name[32];

	if (part(&rest, name, sizeof(name)))
		w.kind = kind_find(name);
	if (!w.kind) {
		say("cannot receive into %s: there is no such kind of memory", text);
		return false;
	}
	if (!parse_which(&w, &rest) || !parse_size(&w, &rest)) {
		say("cannot receive into %s: it has to be %s", text, w.kind->usage);
		return false;
	}
	*ret = w;
	return true;
}

int memory_open(struct memory *m, struct zcrx *z, const struct memory_wish *wish)
{
	return wish->kind->open(m, z, wish);
}

void memory_done(struct memory *m)
{
	zcrx_cuda_free(m->cuda);
}

bool memory_readable(const struct memory *m)
{
	return m->cuda || zcrx_area_data(m->area);
}

static int fetch(struct memory *m, const struct zcrx_completion *done, int n)
{
	int r = 0;

	for (int i = 0; i < n && r == 0; i++)
		if (done[i].what == ZCRX_DATA && !(done[i].flags & ZCRX_SIDE))
			r = zcrx_cuda_fetch(m->cuda, done[i].off, done[i].len);
	if (r == 0)
		r = zcrx_cuda_wait(m->cuda);
	m->error = zcrx_mem_error();
	return r;
}

int memory_begin(struct memory *m, const struct zcrx_completion *done, int n)
{
	int r;

	if (m->cuda)
		return fetch(m, done, n);
	r = zcrx_area_sync(m->area, 1);
	m->error = say_error(r);
	return r;
}

int memory_end(struct memory *m)
{
	int r = m->cuda ? 0 : zcrx_area_sync(m->area, 0);

	m->error = say_error(r);
	return r;
}

const void *memory_at(const struct memory *m, const struct zcrx_queue *q,
		      const struct zcrx_completion *done)
{
	if (m->cuda && !(done->flags & ZCRX_SIDE))
		return (const char *)zcrx_cuda_host(m->cuda) + done->off;
	return zcrx_data(q, done);
}
