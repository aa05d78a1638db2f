/* SPDX-License-Identifier: MIT */
#include "daemon/pump/maker.h"

#include <errno.h>
#include <fcntl.h>
#include <liburing.h>
#include <linux/seccomp.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/size.h"
#include "daemon/common/memfd.h"
#include "daemon/common/uring.h"
#include "daemon/pump/filter.h"
#include "daemon/pump/restrict.h"
#include "proto/mapping.h"

/* What a pump may choose. */
#define FLAGS_MAY (IORING_SETUP_NO_MMAP | IORING_SETUP_CQE32)
#define FLAGS_MUST                                                                             \
	(IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN | IORING_SETUP_TASKRUN_FLAG | \
	 IORING_SETUP_CQSIZE | IORING_SETUP_NO_SQARRAY | IORING_SETUP_R_DISABLED)

#define SOCK  3 /* the maker's only descriptors, beside standard ones */
#define CALLS 4

/*
 * The wish, with the CQ's file, and the reply, with the SQEs' file. The call says the wish's
 * serial: one that was interrupted, or failed, leaves a wish or a reply that nobody takes.
 */
struct talk {
	unsigned serial;
	unsigned entries;
	struct io_uring_params p;
};

static int talk_send(int sock, const struct talk *t, int fd, int flags)
{
	char control[CMSG_SPACE(sizeof(int))] = {0};
	struct iovec iov = {.iov_base = (void *)(uintptr_t)t, .iov_len = sizeof(*t)};
	struct msghdr h = {.msg_iov = &iov, .msg_iovlen = 1};
	if (fd >= 0) {
		h.msg_control = control;
		h.msg_controllen = sizeof(control);
		struct cmsghdr *c = CMSG_FIRSTHDR(&h);
		*c = (struct cmsghdr){.cmsg_level = SOL_SOCKET,
				      .cmsg_type = SCM_RIGHTS,
				      .cmsg_len = CMSG_LEN(sizeof(int))};
		memcpy(CMSG_DATA(c), &fd, sizeof(fd));
	}
	return sendmsg(sock, &h, MSG_NOSIGNAL | flags) < 0 ? -errno : 0;
}

static int talk_receive(int sock, struct talk *t, int *ret_fd, int flags)
{
	char control[CMSG_SPACE(sizeof(int))];
	struct iovec iov = {.iov_base = t, .iov_len = sizeof(*t)};
	struct msghdr h = {.msg_iov = &iov,
			   .msg_iovlen = 1,
			   .msg_control = control,
			   .msg_controllen = sizeof(control)};
	*ret_fd = -1;
	ssize_t n = recvmsg(sock, &h, MSG_CMSG_CLOEXEC | flags);
	const struct cmsghdr *c = n > 0 ? CMSG_FIRSTHDR(&h) : NULL;
	if (c && c->cmsg_type == SCM_RIGHTS)
		memcpy(ret_fd, CMSG_DATA(c), sizeof(*ret_fd));
	return n < 0 ? -errno : n == sizeof(*t) ? 0 : -EPIPE;
}

/* The message with this serial; those before it are dropped. */
static int talk_find(int sock, unsigned serial, struct talk *t, int *ret_fd)
{
	int r = talk_receive(sock, t, ret_fd, MSG_DONTWAIT);
	while (r == 0 && t->serial != serial) {
		fd_close(*ret_fd);
		r = talk_receive(sock, t, ret_fd, MSG_DONTWAIT);
	}
	return r;
}

/* ---- the maker's side ---- */

static size_t cq_bytes(const struct talk *t)
{
	return uring_cq_bytes(t->p.cq_entries, t->p.flags & IORING_SETUP_CQE32 ? 32 : 16);
}

/* Makes a ring in memory of two files: the CQ's came with the wish, the SQEs' is new and empty. */
static int make_in(struct talk *t, int cq_file, int sqes_file)
{
	size_t sqes_bytes = t->entries * sizeof(struct io_uring_sqe), bytes = cq_bytes(t);
	void *cq = NULL, *sqes = NULL;
	int r = ftruncate(sqes_file, (off_t)sqes_bytes) < 0 ? -errno : 0;
	if (r == 0)
		r = mapping_new(&sqes, sqes_file, sqes_bytes, PROT_READ | PROT_WRITE, 0);
	if (r == 0)
		r = mapping_new(&cq, cq_file, bytes, PROT_READ | PROT_WRITE, 0);
	if (r == 0) {
		t->p.cq_off.user_addr = (uintptr_t)cq;
		t->p.sq_off.user_addr = (uintptr_t)sqes;
		r = io_uring_setup(t->entries, &t->p);
	}
	if (cq)
		mapping_free(cq, bytes);
	if (sqes)
		mapping_free(sqes, sqes_bytes);
	return r;
}

static int make(struct talk *t, int cq_file, int *ret_sqes)
{
	*ret_sqes = -1;
	/* The kernel would refuse these, too, but only after so much was mapped. */
	if (t->entries == 0 || t->entries > URING_SQ_ENTRIES || t->p.cq_entries > 1u << 20)
		return -EINVAL;
	t->p = (struct io_uring_params){.flags = FLAGS_MUST | (t->p.flags & FLAGS_MAY),
					.cq_entries = t->p.cq_entries};
	if (!(t->p.flags & IORING_SETUP_NO_MMAP))
		return io_uring_setup(t->entries, &t->p);
	*ret_sqes = memfd_new("zcrxd-sqes");
	return *ret_sqes < 0 ? *ret_sqes : make_in(t, cq_file, *ret_sqes);
}

/*
 * ioctl() on CALLS, again if it was interrupted: when a ring is closed the kernel runs the rest of
 * its work on the task that made it, and for that interrupts a call in which the task waits.
 */
static int again(unsigned long request, void *arg)
{
	int r;
	do
		r = ioctl(CALLS, request, arg);
	while (r < 0 && errno == EINTR);
	return r < 0 ? -errno : r;
}

/*
 * Has the pump's call return the ring's descriptor. That takes two steps: SECCOMP_ADDFD_FLAG_SEND,
 * which does both at once, has the call return 0 if this process is interrupted (Linux 6.18).
 */
static int hand_over(uint64_t id, int ring)
{
	struct seccomp_notif_addfd add = {.id = id,
					  .srcfd = (uint32_t)ring,
					  .newfd_flags = O_CLOEXEC};
	int fd = again(SECCOMP_IOCTL_NOTIF_ADDFD, &add);
	struct seccomp_notif_resp answer = {.id = id, .val = fd};
	return fd < 0 ? fd : again(SECCOMP_IOCTL_NOTIF_SEND, &answer);
}

/* One call, for which the wish came before. Returns 0, or the errno that the call returns. */
static int serve_call(uint64_t id, unsigned serial)
{
	struct talk t;
	int cq, sqes = -1, r = talk_find(SOCK, serial, &t, &cq);
	_cleanup_(fd_closep) int ring = r < 0 ? -EPERM : make(&t, cq, &sqes);
	r = ring < 0 ? ring : restrict_any(ring);
	if (r == 0)
		r = talk_send(SOCK, &t, sqes, MSG_DONTWAIT);
	fd_close(cq);
	fd_close(sqes);
	return r < 0 ? r : hand_over(id, ring);
}

/* A newer kernel's structures may be longer than those that this was compiled with. */
union call {
	struct seccomp_notif call;
	struct seccomp_notif_resp answer;
	char room[256];
};

static void serve(void)
{
	struct pollfd in[] = {{.fd = CALLS, .events = POLLIN}, {.fd = SOCK}};
	for (;;) {
		union call c = {.room = ""};
		poll(in, 2, -1);
		/* POLLERR of the calls says only that their lock was busy and this task
		 * interrupted. */
		if ((in[0].revents | in[1].revents) & (POLLHUP | POLLNVAL))
			return; /* the pump has ended */
		if (!(in[0].revents & POLLIN) || ioctl(CALLS, SECCOMP_IOCTL_NOTIF_RECV, &c) < 0)
			continue;
		uint64_t id = c.call.id;
		int r = serve_call(id, (unsigned)c.call.data.args[0]);
		c = (union call){.answer = {.id = id, .error = r}};
		if (r < 0)
			(void)again(SECCOMP_IOCTL_NOTIF_SEND, &c);
	}
}

/*
 * What else the pump has open is closed first: the pump's end of the socket, by which this process
 * is told to end, the client's socket and the link. The first message brings the calls.
 */
static _Noreturn void live(int sock, pid_t pump)
{
	struct talk t;
	int calls;
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != pump || dup2(sock, SOCK) < 0 || close_range(SOCK + 1, ~0u, 0) < 0)
		_exit(1);
	if (talk_receive(SOCK, &t, &calls, 0) < 0 || calls < 0 || dup2(calls, CALLS) < 0 ||
	    close_range(CALLS + 1, ~0u, 0) < 0 || filter_enter_maker() < 0)
		_exit(1);
	serve();
	_exit(0);
}

/* ---- the pump's side ---- */

static struct {
	pthread_mutex_t lock; /* a wish and its call belong together */
	int sock;
	unsigned serial;
} maker = {.lock = PTHREAD_MUTEX_INITIALIZER, .sock = -1};

static int by_maker(unsigned entries, struct io_uring_params *p, int cq_file, int *ret_sqes)
{
	struct talk t = {.entries = entries, .p = *p};
	int sqes = -1;
	pthread_mutex_lock(&maker.lock);
	unsigned serial = t.serial = ++maker.serial;
	int ring = talk_send(maker.sock, &t, cq_file, 0);
	if (ring == 0)
		ring = io_uring_setup(serial, NULL);
	int r = ring < 0 ? ring : talk_find(maker.sock, serial, &t, &sqes);
	pthread_mutex_unlock(&maker.lock);
	if (r == 0 && cq_file >= 0 && sqes < 0)
		r = -EMFILE; /* this process may open no more */
	if (r < 0) {
		fd_close(ring);
		return r;
	}
	*p = t.p;
	if (ret_sqes)
		*ret_sqes = sqes;
	return ring;
}

int maker_start(void)
{
	int pair[2];
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
		return -errno;
	signal(SIGCHLD, SIG_IGN); /* the sandbox has no wait() */
	pid_t self = getpid();
	/* fork() would write to more of the memory that both share. */
	pid_t pid = (pid_t)syscall(SYS_clone, SIGCHLD, 0, 0, 0, 0);
	if (pid == 0)
		live(pair[1], self);
	int r = pid < 0 ? -errno : 0;
	fd_close(pair[1]);
	maker.sock = r < 0 ? fd_close(pair[0]) : pair[0];
	return r;
}

int maker_serve(int calls)
{
	int r = calls < 0 ? 0 : talk_send(maker.sock, &(struct talk){0}, calls, 0);
	fd_close(calls);
	if (calls < 0)
		maker.sock = fd_close(maker.sock);
	else if (r == 0)
		uring_made_by(by_maker);
	return r;
}
