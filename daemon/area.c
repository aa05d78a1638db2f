/* SPDX-License-Identifier: MIT */
#include "area.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include "../proto/msg.h"
#include "../proto/reason.h"
#include "account.h"
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
	LIST_INSERT_HEAD(&own_files, o, link);
	pthread_mutex_unlock(&own_lock);
	return 0;
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

static uint32_t check(int fd, uint32_t kind, uint64_t bytes)
{
	if (kind == MSG_AREA_DMABUF)
		return REASON_AREA_KIND;
	if (kind != MSG_AREA_MEMFD)
		return REASON_VALUE;
	struct stat st;
	int seals = fcntl(fd, F_GET_SEALS);
	if (seals < 0 || fstat(fd, &st) < 0 || !S_ISREG(st.st_mode))
		return REASON_FD_KIND;
	int mode = fcntl(fd, F_GETFL);
	if (mode < 0 || (mode & O_ACCMODE) != O_RDWR)
		return REASON_FD_ACCESS;
	if (!(seals & F_SEAL_SHRINK) || seals & (F_SEAL_WRITE | F_SEAL_FUTURE_WRITE))
		return REASON_SEALS;
	uint64_t page = (uint64_t)sysconf(_SC_PAGESIZE);
	if (bytes == 0 || bytes % page || st.st_size < 0 || bytes > (uint64_t)st.st_size)
		return REASON_AREA_SIZE;
	pthread_mutex_lock(&own_lock);
	bool own = own_find(&st) != NULL;
	pthread_mutex_unlock(&own_lock);
	return own ? REASON_FD_KIND : REASON_NONE;
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
	void *base = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_NORESERVE, fd, 0);
	if (!a || base == MAP_FAILED) {
		if (base != MAP_FAILED)
			munmap(base, bytes);
		free(a);
		account_release(peer, ACCOUNT_BYTES, bytes);
		return -ENOMEM;
	}
	/* Faults in what the client has already; without it the first round of buffers pays for it.
	 */
	madvise(base, bytes, MADV_POPULATE_WRITE);
	*a = (struct area){.base = base, .bytes = bytes, .peer = peer};
	*ret = a;
	return 0;
}

struct area *area_free(struct area *a)
{
	if (!a)
		return NULL;
	munmap(a->base, a->bytes);
	account_release(a->peer, ACCOUNT_BYTES, a->bytes);
	free(a);
	return NULL;
}
