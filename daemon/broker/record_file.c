/* SPDX-License-Identifier: MIT */
#include "daemon/broker/record_file.h"

#include <assert.h>
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/size.h"
#include "proto/mapping.h"

static_assert(sizeof(struct record_page) <= RECORD_PAGE_BYTES, "one page is mapped");
static_assert(sizeof(struct record_entry) == RECORD_ENTRY_BYTES, "none is torn");
static_assert(sizeof(struct nic_rule) == 64 && sizeof(struct nic_place) == 8,
	      "other releases have it so");
static_assert(RECORD_PAGE_BYTES % RECORD_ENTRY_BYTES == 0, "none is torn");

struct record_file {
	int fd;
	struct record_page *page;
	size_t entries_at;    /* in the file */
	pthread_mutex_t lock; /* of what follows; jobs on several leases add and strike entries */
	uint32_t n;           /* entries */
	uint32_t *free;       /* the numbers of entries that were struck */
	uint32_t n_free;
};

static off_t place_of(const struct record_file *f, uint32_t number)
{
	return (off_t)(f->entries_at + (size_t)number * RECORD_ENTRY_BYTES);
}

/* Counts the entries, and finds those that were struck. */
static int entries_find(struct record_file *f)
{
	struct record_entry e;
	struct stat st;
	if (fstat(f->fd, &st) < 0)
		return -errno;
	off_t bytes = st.st_size - place_of(f, 0);
	f->n = bytes > 0 ? (uint32_t)(bytes / RECORD_ENTRY_BYTES) : 0;
	f->free = calloc(f->n + 1, sizeof(*f->free));
	if (!f->free)
		return -ENOMEM;
	for (uint32_t i = 0; i < f->n; i++)
		if (record_get(f, i, &e) && e.what == RECORD_NOTHING)
			f->free[f->n_free++] = i;
	return 0;
}

int record_open(struct record_file **ret, int fd, uint32_t groups)
{
	size_t group_bytes = groups * sizeof(gid_t);
	struct record_file *f = calloc(1, sizeof(*f));
	void *page = NULL;
	int r = f ? mapping_new(&page, fd, RECORD_PAGE_BYTES, PROT_READ | PROT_WRITE, 0) : -ENOMEM;
	if (r < 0) {
		free(f);
		return r;
	}
	f->fd = fd;
	f->page = page;
	f->entries_at = RECORD_PAGE_BYTES + round_up(group_bytes, RECORD_PAGE_BYTES);
	r = entries_find(f);
	if (r < 0) {
		mapping_free(page, RECORD_PAGE_BYTES);
		free(f);
		return r;
	}
	pthread_mutex_init(&f->lock, NULL);
	*ret = f;
	return 0;
}

struct record_file *record_close(struct record_file *f)
{
	if (!f)
		return NULL;
	mapping_free(f->page, RECORD_PAGE_BYTES);
	fd_close(f->fd);
	pthread_mutex_destroy(&f->lock);
	free(f->free);
	free(f);
	return NULL;
}

/* ---- charges ---- */

void record_charge(struct record_file *f, uint32_t kind, uint64_t amount)
{
	if (f)
		__atomic_store_n(&f->page->charged[kind], amount, __ATOMIC_RELAXED);
}

void record_flight(struct record_file *f, uint32_t n)
{
	if (f)
		__atomic_store_n(&f->page->in_flight, n, __ATOMIC_RELAXED);
}

uint64_t record_charged(const struct record_file *f, uint32_t kind)
{
	return f ? f->page->charged[kind] : 0;
}

uint32_t record_in_flight(const struct record_file *f)
{
	return f ? (uint32_t)f->page->in_flight : 0;
}

/* ---- leases and rules ---- */

int record_put(struct record_file *f, uint32_t number, const struct record_entry *e)
{
	if (!f)
		return 0;
	ssize_t n = pwrite(f->fd, e, sizeof(*e), place_of(f, number));
	return n < 0 ? -errno : n == sizeof(*e) ? 0 : -ENOSPC;
}

/* Makes room for one more entry, and for its number among those that are free. */
static int entry_new(struct record_file *f)
{
	uint32_t *numbers = reallocarray(f->free, f->n + 1, sizeof(*numbers));
	if (!numbers)
		return -ENOMEM;
	f->free = numbers;
	numbers[f->n_free++] = f->n++;
	return 0;
}

static int entry_add(struct record_file *f, const struct record_entry *e, uint32_t *ret)
{
	int r = f->n_free > 0 ? 0 : entry_new(f);
	if (r < 0)
		return r;
	*ret = f->free[f->n_free - 1];
	r = record_put(f, *ret, e);
	if (r == 0)
		f->n_free--;
	return r;
}

int record_add(struct record_file *f, const struct record_entry *e, uint32_t *ret)
{
	*ret = 0;
	if (!f)
		return 0;
	pthread_mutex_lock(&f->lock);
	int r = entry_add(f, e, ret);
	pthread_mutex_unlock(&f->lock);
	return r;
}

void record_strike(struct record_file *f, uint32_t number)
{
	if (!f)
		return;
	pthread_mutex_lock(&f->lock);
	record_put(f, number, &(struct record_entry){.what = RECORD_NOTHING});
	f->free[f->n_free++] = number;
	pthread_mutex_unlock(&f->lock);
}

bool record_get(const struct record_file *f, uint32_t number, struct record_entry *ret)
{
	return f && number < f->n &&
	       pread(f->fd, ret, sizeof(*ret), place_of(f, number)) == sizeof(*ret);
}
