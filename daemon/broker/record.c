/* SPDX-License-Identifier: MIT */
#include "daemon/broker/record.h"

#include <assert.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/size.h"
#include "daemon/broker/process.h"
#include "proto/mapping.h"

#define MAGIC      0x7a63727au
#define GROUPS_MAX 65536u
#define PAGE_BYTES 4096u

/* The first page. The groups come next, then from a page's beginning on the entries. */
struct page {
	uint32_t magic, id;
	uint64_t started;
	uint32_t groups;
	int32_t pid;
	uint32_t uid, gid;
	char socket[POLICY_NAME_BYTES], class[POLICY_NAME_BYTES];
	uint64_t charged[LINK_AMOUNTS]; /* by enum account_kind */
	uint64_t in_flight;
};

static_assert(sizeof(struct page) <= PAGE_BYTES, "one page is mapped");
static_assert(sizeof(struct record_entry) == RECORD_ENTRY_BYTES, "none is torn");
static_assert(sizeof(struct nic_rule) == 64 && sizeof(struct nic_place) == 8,
	      "other releases have it so");
static_assert(PAGE_BYTES % RECORD_ENTRY_BYTES == 0, "none is torn");

struct record_file {
	int fd;
	struct page *page;
	size_t entries_at;    /* in the file */
	pthread_mutex_t lock; /* of what follows; jobs on several leases add and strike entries */
	uint32_t n;           /* entries */
	uint32_t *free;       /* the numbers of entries that were struck */
	uint32_t n_free;
};

static void path_of(char ret[512], const char *dir, pid_t pump)
{
	snprintf(ret, 512, "%s/%d", dir, (int)pump);
}

static off_t place_of(const struct record_file *f, uint32_t number)
{
	return (off_t)(f->entries_at + (size_t)number * RECORD_ENTRY_BYTES);
}

/* Takes the descriptor over, on success only. groups: how many the file has. */
static int file_new(struct record_file **ret, int fd, uint32_t groups)
{
	size_t group_bytes = groups * sizeof(gid_t);
	struct record_file *f = calloc(1, sizeof(*f));
	void *page = NULL;
	int r = f ? mapping_new(&page, fd, PAGE_BYTES, PROT_READ | PROT_WRITE, 0) : -ENOMEM;
	if (r < 0) {
		free(f);
		return r;
	}
	f->fd = fd;
	f->page = page;
	f->entries_at = PAGE_BYTES + round_up(group_bytes, PAGE_BYTES);
	pthread_mutex_init(&f->lock, NULL);
	*ret = f;
	return 0;
}

struct record_file *record_close(struct record_file *f)
{
	if (!f)
		return NULL;
	mapping_free(f->page, PAGE_BYTES);
	fd_close(f->fd);
	pthread_mutex_destroy(&f->lock);
	free(f->free);
	free(f);
	return NULL;
}

/* The whole page is written, so that no store to it finds that there is no memory. */
static int page_write(int fd, const struct page *head, const struct policy_identity *is)
{
	char bytes[PAGE_BYTES] = "";
	size_t groups = is->group_count * sizeof(gid_t);
	memcpy(bytes, head, sizeof(*head));
	if (groups > 0 && pwrite(fd, is->groups, groups, PAGE_BYTES) != (ssize_t)groups)
		return -EIO;
	return pwrite(fd, bytes, sizeof(bytes), 0) == sizeof(bytes) ? 0 : -EIO;
}

int record_write(struct record_file **ret, const char *dir, struct record *r)
{
	char path[512];
	struct page head = {.magic = MAGIC,
			    .started = process_read(r->pump).started,
			    .id = r->id,
			    .groups = r->is.group_count,
			    .pid = r->who.pid,
			    .uid = r->who.uid,
			    .gid = r->who.gid};
	snprintf(head.socket, sizeof(head.socket), "%s", r->who.socket);
	snprintf(head.class, sizeof(head.class), "%s", r->who.class);
	path_of(path, dir, r->pump);
	if (mkdir(dir, 0700) < 0 && errno != EEXIST)
		return -errno;
	_cleanup_(fd_closep) int fd =
		open(path, O_RDWR | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (fd < 0)
		return -errno;
	int e = page_write(fd, &head, &r->is);
	if (e == 0)
		e = file_new(ret, fd, head.groups);
	if (e < 0)
		return e;
	fd_steal(&fd);
	r->started = head.started;
	return 0;
}

void record_remove(const char *dir, pid_t pump)
{
	char path[512];
	path_of(path, dir, pump);
	unlink(path);
}

static int groups_read(int fd, const struct page *head, struct record *ret)
{
	size_t bytes = head->groups * sizeof(gid_t);
	gid_t *groups = head->groups ? malloc(bytes) : NULL;
	if (head->groups && (!groups || pread(fd, groups, bytes, PAGE_BYTES) != (ssize_t)bytes)) {
		free(groups);
		return -EBADMSG;
	}
	ret->is = (struct policy_identity){.uid = head->uid,
					   .gid = head->gid,
					   .groups = groups,
					   .group_count = head->groups};
	return 0;
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

static int record_read(struct record_file **ret_file, const char *path, struct record *ret)
{
	struct page head = {0};
	struct stat st;
	_cleanup_(fd_closep) int fd = open(path, O_RDWR | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0 || fstat(fd, &st) < 0)
		return -errno;
	if (st.st_uid != geteuid() || st.st_size < PAGE_BYTES ||
	    pread(fd, &head, sizeof(head), 0) != sizeof(head) || head.magic != MAGIC ||
	    head.groups > GROUPS_MAX)
		return -EBADMSG;
	ret->started = head.started;
	ret->id = head.id;
	ret->who = (struct client_identity){.pid = head.pid, .uid = head.uid, .gid = head.gid};
	snprintf(ret->who.socket, sizeof(ret->who.socket), "%.*s", POLICY_NAME_BYTES - 1,
		 head.socket);
	snprintf(ret->who.class, sizeof(ret->who.class), "%.*s", POLICY_NAME_BYTES - 1, head.class);
	int r = groups_read(fd, &head, ret);
	if (r == 0)
		r = file_new(ret_file, fd, head.groups);
	if (r < 0)
		return r;
	fd_steal(&fd);
	return entries_find(*ret_file);
}

/* A pidfd of the record's process, or -1 if it has ended: another one may have its number by now.
 */
static int process_of(const struct record *r)
{
	int pidfd = pidfd_open(r->pump, 0);
	if (pidfd >= 0 && r->started && process_read(r->pump).started == r->started)
		return pidfd;
	return fd_close(pidfd);
}

void records_read(const char *dir,
		  bool (*found)(struct record *r, struct record_file *f, int pidfd, void *data),
		  void *data)
{
	DIR *d = opendir(dir);
	const struct dirent *e;
	while (d && (e = readdir(d))) { /* NOLINT(concurrency-mt-unsafe): each has its own */
		char path[512];
		struct record_file *f = NULL;
		struct record r = {.pump = (pid_t)strtol(e->d_name, NULL, 10)};
		path_of(path, dir, r.pump);
		if (r.pump <= 0)
			continue;
		int pidfd = record_read(&f, path, &r) < 0 ? -1 : process_of(&r);
		if (pidfd >= 0 && found(&r, f, pidfd, data))
			continue;
		fd_close(pidfd);
		record_close(f);
		identity_done(&r.is);
		unlink(path);
	}
	if (d)
		closedir(d);
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
