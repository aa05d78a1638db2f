/* SPDX-License-Identifier: MIT */
#include "daemon/common/uring.h"

#include <errno.h>
#include <string.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/size.h"
#include "proto/mapping.h"
#include "proto/ring.h"

#define FLAGS                                                                                  \
	(IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN | IORING_SETUP_TASKRUN_FLAG | \
	 IORING_SETUP_CQSIZE)

/* The kernel releases the locked memory of a closed ring asynchronously; give it three seconds. */
#define ENOMEM_TRIES    60
#define ENOMEM_PAUSE_NS 50000000

#define SQES_BYTES (URING_SQ_ENTRIES * sizeof(struct io_uring_sqe))

#define STOP_PASSES 8
#define RUNS_MAX    1024 /* each runs 84 things at least, together all that a ring can have */

static uring_maker *made_by; /* NULL: this process makes its own */

void uring_made_by(uring_maker *maker)
{
	made_by = maker;
}

size_t uring_cq_bytes(uint32_t cq_entries, uint32_t cqe_bytes)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE);
	/* struct io_rings has some cache lines of indices and flags before the CQEs. */
	return round_up((size_t)cq_entries * cqe_bytes + 1024, page);
}

int uring_eventfd(struct uring *u, bool workers_only)
{
	u->eventfd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (u->eventfd < 0)
		return -errno;
	return workers_only ? io_uring_register_eventfd_async(&u->io, u->eventfd)
			    : io_uring_register_eventfd(&u->io, u->eventfd);
}

static bool retry(int r, bool patient, int tries)
{
	if (r != -ENOMEM || !patient || tries >= ENOMEM_TRIES)
		return false;
	nanosleep(&(struct timespec){.tv_nsec = ENOMEM_PAUSE_NS}, NULL);
	return true;
}

int uring_init_private(struct uring *u, uint32_t cq_entries, bool disabled, bool patient)
{
	int fd, tries = 0;
	struct io_uring_params p;
	*u = URING_NULL;
	do {
		p = (struct io_uring_params){.flags = FLAGS | IORING_SETUP_NO_SQARRAY |
						      (disabled ? IORING_SETUP_R_DISABLED : 0),
					     .cq_entries = cq_entries};
		fd = made_by ? made_by(URING_SQ_ENTRIES, &p, -1, NULL)
			     : io_uring_setup(URING_SQ_ENTRIES, &p);
	} while (retry(fd, patient, tries++));
	if (fd < 0)
		return fd;
	int r = io_uring_queue_mmap(fd, &p, &u->io);
	if (r < 0) {
		fd_close(fd);
		*u = URING_NULL;
	}
	return r;
}

/* Fills in what liburing would, if it had a call for a ring whose SQEs lie apart. */
static void attach(struct io_uring *io, int fd, char *ring, void *sqes,
		   const struct io_uring_params *p)
{
	*io = (struct io_uring){.flags = p->flags,
				.features = p->features,
				.ring_fd = fd,
				.enter_ring_fd = fd};
	io->sq.khead = (unsigned *)(void *)(ring + p->sq_off.head);
	io->sq.ktail = (unsigned *)(void *)(ring + p->sq_off.tail);
	io->sq.kflags = (unsigned *)(void *)(ring + p->sq_off.flags);
	io->sq.kdropped = (unsigned *)(void *)(ring + p->sq_off.dropped);
	io->sq.sqes = sqes;
	io->sq.ring_mask = p->sq_entries - 1;
	io->sq.ring_entries = p->sq_entries;
	io->cq.khead = (unsigned *)(void *)(ring + p->cq_off.head);
	io->cq.ktail = (unsigned *)(void *)(ring + p->cq_off.tail);
	io->cq.kflags = (unsigned *)(void *)(ring + p->cq_off.flags);
	io->cq.koverflow = (unsigned *)(void *)(ring + p->cq_off.overflow);
	io->cq.cqes = (struct io_uring_cqe *)(void *)(ring + p->cq_off.cqes);
	io->cq.ring_mask = p->cq_entries - 1;
	io->cq.ring_entries = p->cq_entries;
}

/* The SQEs are in memory of this process's own, or of whoever makes the ring. */
static int shared_setup(struct io_uring_params *p, int cq_file, void *cq_memory, void **ret_sqes)
{
	int fd, r, sqes = -1;
	if (made_by) {
		fd = made_by(URING_SQ_ENTRIES, p, cq_file, &sqes);
		r = fd < 0 ? fd
			   : mapping_new(ret_sqes, sqes, SQES_BYTES, PROT_READ | PROT_WRITE, 0);
		fd_close(sqes);
		if (fd >= 0 && r < 0)
			fd_close(fd);
		return r < 0 ? r : fd;
	}
	r = mapping_own(ret_sqes, SQES_BYTES);
	if (r < 0)
		return r;
	p->cq_off.user_addr = (uintptr_t)cq_memory;
	p->sq_off.user_addr = (uintptr_t)*ret_sqes;
	fd = io_uring_setup(URING_SQ_ENTRIES, p);
	if (fd < 0)
		mapping_free(*ret_sqes, SQES_BYTES);
	return fd;
}

int uring_init_shared(struct uring *u, int cq_file, void *cq_memory, bool cqe32, bool patient,
		      struct io_uring_params *p)
{
	void *sqes = NULL;
	const struct io_uring_params wish = {
		.flags = FLAGS | IORING_SETUP_R_DISABLED | IORING_SETUP_NO_MMAP |
			 IORING_SETUP_NO_SQARRAY | (cqe32 ? IORING_SETUP_CQE32 : 0),
		.cq_entries = p->cq_entries,
	};
	int fd, tries = 0;
	*u = URING_NULL;
	do {
		*p = wish;
		fd = shared_setup(p, cq_file, cq_memory, &sqes);
	} while (retry(fd, patient, tries++));
	if (fd < 0)
		return fd;
	attach(&u->io, fd, cq_memory, sqes, p);
	u->sqes = sqes;
	u->sqes_bytes = SQES_BYTES;
	return 0;
}

int uring_enable(struct uring *u)
{
	return io_uring_enable_rings(&u->io);
}

void uring_done(struct uring *u)
{
	if (u->sqes) {
		fd_close(u->io.ring_fd);
		mapping_free(u->sqes, u->sqes_bytes);
	} else if (u->io.ring_fd >= 0) {
		io_uring_queue_exit(&u->io);
	}
	fd_close(u->eventfd);
	*u = URING_NULL;
}

static size_t buffers_bytes(uint32_t entries)
{
	return round_up(entries * sizeof(struct io_uring_buf), (size_t)sysconf(_SC_PAGESIZE));
}

struct io_uring_buf_ring *uring_buffers_new(struct uring *u, uint32_t entries, int group,
					    int *ret_error)
{
	void *at = NULL;
	int r = mapping_own(&at, buffers_bytes(entries));
	if (r < 0) {
		*ret_error = r;
		return NULL;
	}
	struct io_uring_buf_reg reg = {.ring_addr = (uintptr_t)at,
				       .ring_entries = entries,
				       .bgid = (uint16_t)group};
	r = io_uring_register_buf_ring(&u->io, &reg, 0);
	if (r < 0) {
		mapping_free(at, buffers_bytes(entries));
		*ret_error = r;
		return NULL;
	}
	return at;
}

void uring_buffers_free(struct io_uring_buf_ring *b, uint32_t entries)
{
	mapping_free(b, buffers_bytes(entries));
}

struct io_uring_sqe *uring_sqe(struct uring *u)
{
	struct io_uring_sqe *sqe = io_uring_get_sqe(&u->io);
	while (!sqe) {
		io_uring_submit(&u->io);
		sqe = io_uring_get_sqe(&u->io);
	}
	memset(sqe, 0, sizeof(*sqe));
	return sqe;
}

uint32_t uring_lost(const struct uring *u)
{
	return __atomic_load_n(u->io.cq.koverflow, __ATOMIC_RELAXED);
}

static int entered(const struct uring *u, int r)
{
	if (uring_lost(u))
		return -EBADR;
	return r == -EINTR || r == -EAGAIN || r == -EBUSY || r == -ETIME ? 0 : r;
}

int uring_enter(struct uring *u)
{
	return entered(u, io_uring_submit_and_get_events(&u->io));
}

int uring_enter_fill(struct uring *u, uint32_t fill)
{
	struct __kernel_timespec none = {0};
	struct io_uring_getevents_arg arg = {.ts = (uintptr_t)&none};
	return entered(u, io_uring_enter2((unsigned)u->io.ring_fd, 0, fill,
					  IORING_ENTER_GETEVENTS | IORING_ENTER_EXT_ARG, &arg,
					  sizeof(arg)));
}

/* Submits what is queued and runs all work there is; one enter runs only some of it. */
static void run_all(struct uring *u)
{
	io_uring_submit(&u->io);
	for (int i = 0; i < RUNS_MAX; i++) {
		uring_enter_fill(u, u->io.cq.ring_entries);
		if (!(__atomic_load_n(u->io.sq.kflags, __ATOMIC_RELAXED) & IORING_SQ_TASKRUN))
			return;
	}
}

/*
 * An operation that is cancelled ends when its work is run, and so does one that a worker of the
 * kernel's finishes meanwhile. So no operation is left when there was nothing to cancel before the
 * work was run, nor afterwards.
 */
static bool stop(struct uring *u, const struct io_uring_sync_cancel_reg *what)
{
	int none = 0;
	for (int i = 0; i < STOP_PASSES && none < 2; i++) {
		run_all(u);
		struct io_uring_sync_cancel_reg reg = *what;
		int r = io_uring_register_sync_cancel(&u->io, &reg);
		none = r == 0 || r == -ENOENT ? none + 1 : 0;
	}
	return none == 2;
}

bool uring_stop(struct uring *u)
{
	return stop(u, &(struct io_uring_sync_cancel_reg){.fd = -1,
							  .flags = IORING_ASYNC_CANCEL_ANY |
								   IORING_ASYNC_CANCEL_ALL});
}

bool uring_stop_one(struct uring *u, uint64_t user_data)
{
	return stop(u, &(struct io_uring_sync_cancel_reg){.fd = -1,
							  .addr = user_data,
							  .flags = IORING_ASYNC_CANCEL_ALL});
}

struct io_uring_cqe *uring_peek(struct uring *u)
{
	struct io_uring_cqe *cqe;
	unsigned head;
	io_uring_for_each_cqe(&u->io, head, cqe) return cqe;
	return NULL;
}

/*
 * The kernel clears the flag when it begins with its work. Work that is added afterwards sets the
 * flag again, but may be done in the same pass (io_uring/tw.c: __io_run_local_work()). So the flag
 * can stay though no work is left, and is not believed for ever: a pass does 20 things.
 */
bool uring_pending(struct uring *u, bool came, uint32_t operations)
{
	bool flag = __atomic_load_n(u->io.sq.kflags, __ATOMIC_RELAXED) & IORING_SQ_TASKRUN;
	bool pending = flag && !came && u->in_vain < 2 + operations / 20;
	u->in_vain = pending ? u->in_vain + 1 : 0;
	return pending;
}

bool uring_overflown(const struct uring *u)
{
	return __atomic_load_n(u->io.sq.kflags, __ATOMIC_RELAXED) & IORING_SQ_CQ_OVERFLOW;
}
