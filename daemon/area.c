/* SPDX-License-Identifier: MIT */
#include "area.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/vfs.h>

#include "../proto/msg.h"
#include "../proto/reason.h"
#include "account.h"
#include "udmabuf.h"
#include "util.h"

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
	if (fstat(fd, &st) < 0)
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
	if (fstat(fd, &st) < 0)
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

static uint32_t memfd_check(int fd, uint64_t bytes)
{
	struct stat st;
	int seals = fcntl(fd, F_GET_SEALS);
	if (seals < 0 || fstat(fd, &st) < 0 || !S_ISREG(st.st_mode) || is_own(&st))
		return REASON_FD_KIND;
	if (!is_read_write(fd))
		return REASON_FD_ACCESS;
	if (!(seals & F_SEAL_SHRINK) || seals & (F_SEAL_WRITE | F_SEAL_FUTURE_WRITE))
		return REASON_SEALS;
	return st.st_size < 0 || bytes > (uint64_t)st.st_size ? REASON_AREA_SIZE : REASON_NONE;
}

static uint32_t dmabuf_check(int fd, uint64_t bytes)
{
	struct statfs fs;
	if (fstatfs(fd, &fs) < 0 || fs.f_type != DMA_BUF_MAGIC)
		return REASON_FD_KIND;
	if (!is_read_write(fd))
		return REASON_FD_ACCESS;
	off_t size = lseek(fd, 0, SEEK_END);
	return size < 0 || bytes != (uint64_t)size ? REASON_AREA_SIZE : REASON_NONE;
}

static uint32_t check(int fd, uint32_t kind, uint64_t bytes)
{
	uint32_t reason = REASON_VALUE;
	if (kind == MSG_AREA_MEMFD || kind == MSG_AREA_UDMABUF)
		reason = memfd_check(fd, bytes);
	else if (kind == MSG_AREA_DMABUF)
		reason = dmabuf_check(fd, bytes);
	if (reason)
		return reason;
	uint64_t page = (uint64_t)sysconf(_SC_PAGESIZE);
	return bytes == 0 || bytes % page ? REASON_AREA_SIZE : REASON_NONE;
}

/* Takes the descriptor over; or it is the errno of why there is none. */
static int keep_dmabuf(struct area *a, int fd)
{
	int r = fd < 0 ? fd : area_forbid(fd);
	if (r == 0)
		a->dmabuf = fd;
	else
		fd_close(fd);
	return r;
}

static int dup_dmabuf(int fd)
{
	int r = fcntl(fd, F_DUPFD_CLOEXEC, 0);
	return r < 0 ? -errno : r;
}

static int area_make(struct area *a, int fd, uint32_t kind, uint32_t *ret_reason)
{
	void *base =
		mmap(NULL, a->bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_NORESERVE, fd, 0);
	if (base != MAP_FAILED)
		a->base = base;
	if (kind == MSG_AREA_DMABUF)
		return keep_dmabuf(a, dup_dmabuf(fd));
	if (!a->base)
		return -ENOMEM;
	if (kind == MSG_AREA_UDMABUF) {
		*ret_reason = REASON_KERNEL;
		return keep_dmabuf(a, udmabuf_new(fd, a->bytes));
	}
	return 0;
}

int area_new(struct area **ret, struct peer *peer, int fd, uint32_t kind, uint64_t bytes,
	     uint32_t *ret_reason)
{
	*ret_reason = check(fd, kind, bytes);
	if (*ret_reason)
		return reason_error(*ret_reason);
	*ret_reason = REASON_QUOTA;
	if (account_charge(peer, ACCOUNT_BYTES, bytes) < 0)
		return -EDQUOT;
	*ret_reason = REASON_DAEMON_LIMIT;
	struct area *a = calloc(1, sizeof(*a));
	if (!a) {
		account_release(peer, ACCOUNT_BYTES, bytes);
		return -ENOMEM;
	}
	*a = (struct area){.bytes = bytes, .peer = peer, .dmabuf = -1};
	int r = area_make(a, fd, kind, ret_reason);
	if (r == -EEXIST)
		*ret_reason = REASON_AREA_TAKEN;
	if (r < 0) {
		area_free(a);
		return r;
	}
	*ret = a;
	return 0;
}

struct area *area_free(struct area *a)
{
	if (!a)
		return NULL;
	if (a->base)
		munmap(a->base, a->bytes);
	if (a->dmabuf >= 0) {
		area_allow(a->dmabuf);
		close(a->dmabuf);
	}
	account_release(a->peer, ACCOUNT_BYTES, a->bytes);
	free(a);
	return NULL;
}
