/* SPDX-License-Identifier: MIT */
#include "daemon/backend/area.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/size.h"
#include "daemon/backend/charged.h"
#include "daemon/common/answer.h"
#include "daemon/common/present.h"
#include "daemon/grant/account.h"
#include "daemon/grant/files.h"
#include "daemon/grant/kept.h"
#include "daemon/grant/udmabuf.h"
#include "proto/mapping.h"
#include "proto/msg.h"
#include "proto/reason.h"

struct own {
	LIST_ENTRY(own) link;
	dev_t dev;
	ino_t ino;
};

static pthread_mutex_t own_lock = PTHREAD_MUTEX_INITIALIZER;
static LIST_HEAD(, own) own_files = LIST_HEAD_INITIALIZER(own_files);

static struct own *own_find(const struct stat *st)
{
	struct own *o;
	LIST_FOREACH (o, &own_files, link)
		if (o->ino == st->st_ino && o->dev == st->st_dev)
			return o;
	return NULL;
}

int area_forbid(int fd)
{
	struct stat st;
	if (fd_stat(fd, &st) < 0)
		return -errno;
	struct own *o = malloc(sizeof(*o));
	if (!o)
		return -ENOMEM;
	o->dev = st.st_dev;
	o->ino = st.st_ino;
	pthread_mutex_lock(&own_lock);
	bool is_new = !own_find(&st);
	if (is_new)
		LIST_INSERT_HEAD(&own_files, o, link);
	pthread_mutex_unlock(&own_lock);
	if (!is_new)
		free(o);
	return is_new ? 0 : -EEXIST;
}

void area_allow(int fd)
{
	struct stat st;
	if (fd_stat(fd, &st) < 0)
		return;
	pthread_mutex_lock(&own_lock);
	struct own *o = own_find(&st);
	if (o)
		LIST_REMOVE(o, link);
	pthread_mutex_unlock(&own_lock);
	free(o);
}

static bool is_own(const struct stat *st)
{
	pthread_mutex_lock(&own_lock);
	bool own = own_find(st) != NULL;
	pthread_mutex_unlock(&own_lock);
	return own;
}

static bool is_read_write(int fd)
{
	int mode = fcntl(fd, F_GETFL);
	return mode >= 0 && (mode & O_ACCMODE) == O_RDWR;
}

static uint32_t memfd_check(int fd)
{
	struct stat st;
	int seals = fcntl(fd, F_GET_SEALS);
	if (seals < 0 || fd_stat(fd, &st) < 0 || !S_ISREG(st.st_mode) || is_own(&st))
		return REASON_FD_KIND;
	if (!is_read_write(fd))
		return REASON_FD_ACCESS;
	if (!(seals & F_SEAL_SHRINK) || seals & (F_SEAL_WRITE | F_SEAL_FUTURE_WRITE))
		return REASON_SEALS;
	return REASON_NONE;
}

static uint32_t dmabuf_check(int fd)
{
	struct statfs fs;
	if (fstatfs(fd, &fs) < 0 || fs.f_type != DMA_BUF_MAGIC)
		return REASON_FD_KIND;
	return is_read_write(fd) ? REASON_NONE : REASON_FD_ACCESS;
}

/* A memfd may be larger than the area, a dma-buf not; only lseek(2) tells how large that is. */
static bool holds(int fd, uint32_t kind, uint64_t bytes)
{
	struct stat st;
	if (kind == MSG_AREA_DMABUF)
		return lseek(fd, 0, SEEK_END) == (off_t)bytes;
	return fd_stat(fd, &st) == 0 && bytes <= (uint64_t)st.st_size;
}

static uint32_t length_check(int fd, const struct msg_area_add *m, uint64_t most, struct answer *a)
{
	uint64_t unit = mapping_unit(fd);
	bool whole = m->length > 0 && m->length % unit == 0;
	if (m->length > most) {
		answer_say(a, "No backend receives into an area of more than %ju GiB.",
			   (uintmax_t)(most >> 30));
		return REASON_AREA_SIZE;
	}
	if (!whole && unit > (uint64_t)sysconf(_SC_PAGESIZE))
		answer_say(a,
			   "The memfd consists of huge pages: the area's length must be a "
			   "multiple of %ju bytes, and not zero.",
			   (uintmax_t)unit);
	return whole && holds(fd, m->kind, m->length) ? REASON_NONE : REASON_AREA_SIZE;
}

static uint32_t check(int fd, const struct msg_area_add *m, uint64_t bytes_most, struct answer *a)
{
	uint32_t reason = REASON_VALUE;
	if (m->kind == MSG_AREA_MEMFD || m->kind == MSG_AREA_UDMABUF)
		reason = memfd_check(fd);
	else if (m->kind == MSG_AREA_DMABUF)
		reason = dmabuf_check(fd);
	return reason ? reason : length_check(fd, m, bytes_most, a);
}

/* Takes the descriptor over. fd < 0: there is none, and it is the errno of why. */
static uint32_t keep_dmabuf(struct area *area, int fd, struct answer *a)
{
	int r = fd < 0 ? fd : area_forbid(fd);
	if (r == 0) {
		area->dmabuf = fd;
		return REASON_NONE;
	}
	fd_close(fd);
	if (r == -EEXIST)
		return REASON_AREA_TAKEN;
	a->error = r;
	return REASON_DAEMON_LIMIT;
}

/*
 * The memfd is kept with the dma-buf: the client may hold on to the dma-buf, and by it to the
 * memory.
 */
static uint32_t make_udmabuf(struct area *area, int fd, struct answer *a)
{
	int dmabuf = udmabuf_new(fd, area->bytes);
	if (dmabuf == -EFAULT)
		return REASON_AREA_MEMORY;
	if (dmabuf < 0) {
		a->error = dmabuf;
		answer_say(a, "zcrxd can make no udmabuf of this length: see zcrxd.conf(5) for "
			      "what it needs.");
		return REASON_KERNEL;
	}
	_cleanup_(fd_closep) int memfd = fcntl(fd, F_DUPFD_CLOEXEC, 0);
	uint32_t reason = memfd < 0 ? REASON_DAEMON_LIMIT : REASON_NONE;
	if (reason)
		fd_close(dmabuf);
	else
		reason = keep_dmabuf(area, dmabuf, a);
	if (reason == REASON_NONE && kept_new(&area->kept, area->user, memfd, area->dmabuf) < 0)
		return REASON_DAEMON_LIMIT;
	if (reason == REASON_NONE)
		fd_steal(&memfd);
	return reason;
}

static int dup_dmabuf(int fd)
{
	int r = fcntl(fd, F_DUPFD_CLOEXEC, 0);
	return r < 0 ? -errno : r;
}

static uint32_t area_make(struct area *area, int fd, uint32_t kind, struct answer *a)
{
	mapping_new(&area->base, fd, area->bytes, PROT_READ | PROT_WRITE, MAP_NORESERVE);
	if (kind == MSG_AREA_DMABUF)
		return keep_dmabuf(area, dup_dmabuf(fd), a);
	if (!area->base)
		return REASON_DAEMON_LIMIT;
	a->error = present_only(area->base, area->bytes);
	if (a->error)
		return REASON_DAEMON_LIMIT;
	return kind == MSG_AREA_UDMABUF ? make_udmabuf(area, fd, a) : REASON_NONE;
}

/* A dma-buf is charged until the area is deleted, a memfd until nobody has it any more. */
static uint32_t bytes_charge(struct area *area, int fd, uint32_t kind, struct answer *a)
{
	if (kind == MSG_AREA_DMABUF) {
		int r = files_account(area->user, ACCOUNT_BYTES, area->bytes, a->text);
		if (r < 0)
			return charge_refused(r, a);
		area->charged = area->bytes;
		return REASON_NONE;
	}
	/* This descriptor stays: a zcrxd that comes later is told of the file by it. */
	area->memfd = fcntl(fd, F_DUPFD_CLOEXEC, 0);
	if (area->memfd < 0) {
		a->error = -errno;
		return REASON_DAEMON_LIMIT;
	}
	int r = files_charge(area->user, area->memfd, area->bytes, a->text);
	return r < 0 ? charge_refused(r, a) : REASON_NONE;
}

uint32_t area_new(struct area **ret, struct user *user, int fd, const struct msg_area_add *m,
		  uint64_t bytes_most, struct answer *a)
{
	uint32_t reason = check(fd, m, bytes_most, a);
	if (reason)
		return reason;
	int r = files_account(user, ACCOUNT_AREAS, 1, a->text);
	if (r < 0)
		return charge_refused(r, a);
	struct area *area = calloc(1, sizeof(*area));
	if (!area) {
		account_release(user, ACCOUNT_AREAS, 1);
		return REASON_DAEMON_LIMIT;
	}
	*area = (struct area){.bytes = m->length, .user = user, .memfd = -1, .dmabuf = -1};
	reason = bytes_charge(area, fd, m->kind, a);
	if (reason == REASON_NONE)
		reason = area_make(area, fd, m->kind, a);
	if (reason) {
		area_free(area);
		return reason;
	}
	*ret = area;
	return REASON_NONE;
}

struct area *area_free(struct area *a)
{
	if (!a)
		return NULL;
	if (a->base)
		mapping_free(a->base, a->bytes);
	fd_close(a->memfd);
	if (a->dmabuf >= 0)
		area_allow(a->dmabuf);
	if (a->kept) {
		files_keep(a->kept);
	} else {
		fd_close(a->dmabuf);
		account_release(a->user, ACCOUNT_AREAS, 1);
	}
	account_release(a->user, ACCOUNT_BYTES, a->charged);
	free(a);
	return NULL;
}
