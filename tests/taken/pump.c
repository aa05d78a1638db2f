/* SPDX-License-Identifier: MIT */
/*
 * zcrx-pump as it is, but that a client can take it over: the linker puts __wrap_request_handle()
 * in the place of request_handle(). What it does then is what any code in a pump could do. Built
 * for the tests only.
 */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "daemon/ask/ask.h"
#include "daemon/common/uring.h"
#include "daemon/grant/attach.h"
#include "daemon/link/start.h"
#include "daemon/pump/model.h"
#include "daemon/pump/request.h"
#include "daemon/pump/sandbox.h"
#include "proto/reason.h"
#include "tests/sandbox/attack.h"
#include "tests/taken/order.h"

uint32_t __real_request_handle(struct client *c, const union msg_any *m, struct answer *a);
uint32_t __wrap_request_handle(struct client *c, const union msg_any *m, struct answer *a);
int __real_attach_zcrx(struct attach_zcrx *a);
int __wrap_attach_zcrx(struct attach_zcrx *a);

#define FDS_MOST (FD_END - FD_TCP4)

static int receive(int sock, struct taken_order *o, int *fds, size_t *ret_nfds)
{
	char control[CMSG_SPACE(sizeof(int) * FDS_MOST)];
	struct iovec iov = {.iov_base = o, .iov_len = sizeof(*o)};
	struct msghdr h = {.msg_iov = &iov,
			   .msg_iovlen = 1,
			   .msg_control = control,
			   .msg_controllen = sizeof(control)};
	ssize_t n = recvmsg(sock, &h, MSG_CMSG_CLOEXEC);
	const struct cmsghdr *c = n > 0 ? CMSG_FIRSTHDR(&h) : NULL;
	*ret_nfds = c ? (c->cmsg_len - CMSG_LEN(0)) / sizeof(int) : 0;
	if (c)
		memcpy(fds, CMSG_DATA(c), *ret_nfds * sizeof(int));
	return n == sizeof(*o) ? 0 : -1;
}

/* The next number that is free from FD_TCP4 on is the one it is to have, if they come in order. */
static int keep_fds(const int *fds, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		int got = fcntl(fds[i], F_DUPFD_CLOEXEC, FD_TCP4);
		if (got < 0)
			return -errno;
		close(fds[i]);
	}
	return fcntl(FD_MEMFD, F_GETFL) < 0 ? -errno : 0;
}

static int ring_make(struct io_uring *ret, enum restrict_ring what)
{
	struct uring u;
	int r = uring_init_private(&u, URING_SQ_ENTRIES, true, false);
	if (r == 0)
		r = sandbox_ring(&u.io, what);
	if (r == 0)
		r = uring_enable(&u);
	*ret = u.io;
	return r;
}

/* Rings of its own, as a pump gets them: those of its queues are their threads'. */
static struct stage stage;

/* A ring that does not submit at all denies nothing: it is to take a cancellation. */
static int rings_work(void)
{
	struct io_uring_sqe sqe = {0};
	int r = ring_make(&stage.queue, RESTRICT_QUEUE);
	if (r == 0)
		r = ring_make(&stage.ops, RESTRICT_OPS);
	if (r < 0)
		return r;
	io_uring_prep_cancel64(&sqe, 1, 0);
	int ops = submit(&stage.ops, &sqe), queue = submit(&stage.queue, &sqe);
	return ops != -ENOENT ? ops : queue != -ENOENT ? queue : 0;
}

static int attack(const struct taken_order *o)
{
	static struct attacks all;
	attacks_all(&all, &o->world);
	return o->n < all.n ? attack_run(&all.list[o->n], &o->world, &stage) : -EINVAL;
}

static int ask_broker(struct taken_order *o, union link_any *ret)
{
	const int fds[MSG_FDS_MAX] = {FD_MEMFD, FD_MEMFD, FD_MEMFD, FD_MEMFD};
	int back[MSG_FDS_MAX];
	*ret = o->m;
	ret->hdr.nfds = (uint16_t)o->n;
	return ask(ret, (uint16_t)o->type, fds, back);
}

/* Returns the highest number, or a negative errno if that is not what ended it. */
static int64_t open_all(void)
{
	int fd, highest = 0;
	while ((fd = fcntl(FD_MEMFD, F_DUPFD_CLOEXEC, 0)) >= 0)
		highest = fd > highest ? fd : highest;
	return errno == EMFILE ? highest : -errno;
}

static int64_t map_all(void)
{
	int64_t bytes = 0;
	for (size_t piece = 1ul << 30; piece >= 4096; piece /= 2)
		while (mmap(NULL, piece, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) !=
		       MAP_FAILED)
			bytes += (int64_t)piece;
	return errno == ENOMEM ? bytes : -errno;
}

static struct {
	int file, ring;
	_Atomic int error; /* of who is to wait for the file: it does not */
	enum trap what;
} trap;

static int trap_set(const int *fds, size_t nfds, uint32_t what)
{
	if (nfds > 1)
		return -EINVAL;
	trap.file = nfds ? fds[0] : -1;
	trap.what = what;
	return 0;
}

/* The kernel reads how the buffers are to be registered while it has the ring's lock. */
static void *lock_hold(void *data)
{
	(void)data;
	void *page = mmap(NULL, 4096, PROT_READ, MAP_PRIVATE, trap.file, 0);
	if (page == MAP_FAILED)
		trap.error = -errno;
	else
		trap.error =
			io_uring_register((unsigned)trap.ring, IORING_REGISTER_PBUF_RING, page, 1);
	return NULL;
}

int __wrap_attach_zcrx(struct attach_zcrx *a)
{
	pthread_t thread;
	trap.ring = a->ring;
	if (trap.what == TRAP_RING)
		a->ring = trap.file;
	if (trap.what == TRAP_LOCK && pthread_create(&thread, NULL, lock_hold, NULL) == 0)
		usleep(500000); /* it is in the kernel by then */
	if (trap.error < 0)
		return trap.error;
	return __real_attach_zcrx(a);
}

static int steer_file(const struct taken_order *o, union link_any *ret)
{
	const int fds[MSG_FDS_MAX] = {trap.file};
	int back[MSG_FDS_MAX];
	*ret = (union link_any){
		.as_STEER = {.hdr = {.nfds = 1}, .lease = o->n, .rule = o->m.as_STEER.rule}};
	int r = ask(ret, LINK_STEER, fds, back);
	return r < 0 ? r : (int)ret->re_STEER.n;
}

static int64_t obey(struct taken_order *o, const int *fds, size_t nfds, union link_any *ret)
{
	switch (o->what) {
	case ORDER_KEEP_FDS:
		return keep_fds(fds, nfds);
	case ORDER_RINGS:
		return rings_work();
	case ORDER_ATTACK:
		return attack(o);
	case ORDER_ASK:
		return ask_broker(o, ret);
	case ORDER_OPEN:
		return open_all();
	case ORDER_MAP:
		return map_all();
	case ORDER_WRITE:
		return write(STDERR_FILENO, ESCAPE, sizeof(ESCAPE) - 1) < 0 ? -errno : 0;
	case ORDER_TRAP:
		return trap_set(fds, nfds, o->n);
	case ORDER_STEER:
		return steer_file(o, ret);
	case ORDER_RESUME:
		return 0;
	case ORDER_SEND:
		return send(START_LINK, &o->m, o->n, MSG_NOSIGNAL) < 0 ? -errno : 0;
	default:
		return -EINVAL;
	}
}

static void serve(const struct client *c)
{
	static struct taken_order o;
	static struct outcome done;
	int fds[FDS_MOST];
	size_t nfds;
	do {
		if (receive(c->session.sock, &o, fds, &nfds) != 0)
			return;
		done = (struct outcome){0};
		done.result = obey(&o, fds, nfds, &done.m);
		send(c->session.sock, &done, sizeof(done), MSG_NOSIGNAL);
	} while (o.what != ORDER_RESUME);
}

static void use_memory(void)
{
	const size_t piece = 1ul << 20;
	void *at;
	while ((at = mmap(NULL, piece, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1,
			  0)) != MAP_FAILED)
		memset(at, 1, piece);
}

uint32_t __wrap_request_handle(struct client *c, const union msg_any *m, struct answer *a)
{
	if (m->hdr.type == MSG_AREA_DEL && m->area_del.area_id == TAKE_MEMORY) {
		use_memory();
		return REASON_NO_OBJECT;
	}
	if (m->hdr.type != MSG_AREA_DEL || m->area_del.area_id != TAKE_OVER)
		return __real_request_handle(c, m, a);
	serve(c);
	return REASON_NO_OBJECT;
}
