/* SPDX-License-Identifier: MIT */
#include "tests/hand/objects.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/userfaultfd.h>
#include <netinet/in.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/pidfd.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/fd.h"
#include "daemon/common/uring.h"
#include "proto/mapping.h"
#include "proto/wire.h"

static int memfd(size_t bytes, int seals)
{
	int fd = memfd_create("memory", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	if (ftruncate(fd, (off_t)bytes) < 0 || (seals && fcntl(fd, F_ADD_SEALS, seals) < 0))
		_exit(2);
	return fd;
}

static int fault;
static void *trap;

/* A register call that reads its argument while it has the ring's lock. */
static void *hold(void *data)
{
	const struct uring *u = data;
	io_uring_register((unsigned)u->io.ring_fd, IORING_REGISTER_EVENTFD, trap, 1);
	return NULL;
}

static void lock_hold(struct uring *u)
{
	struct uffdio_api api = {.api = UFFD_API};
	struct uffd_msg message;
	pthread_t thread;
	size_t page = (size_t)sysconf(_SC_PAGESIZE);
	fault = (int)syscall(SYS_userfaultfd, O_CLOEXEC);
	if (mapping_own(&trap, page) < 0 || ioctl(fault, UFFDIO_API, &api) < 0)
		_exit(3);
	struct uffdio_register range = {.range = {.start = (uintptr_t)trap, .len = page},
					.mode = UFFDIO_REGISTER_MODE_MISSING};
	if (ioctl(fault, UFFDIO_REGISTER, &range) < 0 ||
	    pthread_create(&thread, NULL, hold, u) != 0 ||
	    read(fault, &message, sizeof(message)) != sizeof(message))
		_exit(3);
}

static void live(struct stand_in *p, const char *fuse_file, bool holds_lock, int said, int go)
{
	struct uring u;
	struct io_uring_params params = {.cq_entries = CQ_ENTRIES};
	void *cq = NULL;
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	prctl(PR_SET_PTRACER, getppid(), 0, 0, 0); /* as a pump names its broker, for Yama 1 */
	if (mapping_own(&cq, uring_cq_bytes(CQ_ENTRIES, 32)) < 0 ||
	    uring_init_shared(&u, -1, cq, true, false, &params) < 0)
		_exit(2);
	p->ring = u.io.ring_fd;
	p->refills = memfd(REFILLS_OFFSET + REFILLS_BYTES, F_SEAL_SHRINK);
	p->area = memfd(AREA_BYTES, F_SEAL_SHRINK);
	posix_fallocate(p->area, 0, AREA_BYTES); /* a hand makes no memory of an area */
	p->unsealed = memfd(AREA_BYTES, 0);
	p->small = memfd(4096, F_SEAL_SHRINK);
	p->socket = socket(AF_INET, SOCK_STREAM, 0);
	listen(p->socket, 1);
	p->fuse = fuse_file ? open(fuse_file, O_RDWR) : -1;
	if (holds_lock)
		lock_hold(&u);
	if (write(said, p, sizeof(*p)) != sizeof(*p))
		_exit(2);
	union msg_any m;
	int sock[MSG_FDS_MAX];
	uint32_t n;
	while (wire_recv(go, &m, sock, &n, 0) > 0) {
		const int fds[] = {(int)m.words[2], (int)m.words[3]};
		if (n > 0) { /* one that FUSE keeps waiting for ever is not closed */
			m.hdr = (struct msg_hdr){.size = sizeof(m.hdr), .nfds = fds[1] < 0 ? 1 : 2};
			(void)wire_send(sock[0], &m.hdr, fds, 0);
			wire_close(sock, n);
			continue;
		}
		int r = uring_enable(&u);
		if (write(said, &r, sizeof(r)) != sizeof(r))
			_exit(2);
	}
	for (;;)
		pause();
}

void stand_in_start(struct stand_in *p, const char *fuse_file, bool holds_lock)
{
	int said[2], go[2];
	assert_int_equal(pipe2(said, O_CLOEXEC), 0);
	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, go), 0);
	pid_t pid = fork();
	if (pid == 0) {
		close(said[0]);
		close(go[1]);
		live(p, fuse_file, holds_lock, said[1], go[0]);
	}
	close(said[1]);
	close(go[0]);
	assert_true(pid > 0);
	assert_int_equal(read(said[0], p, sizeof(*p)), sizeof(*p));
	p->pid = pid;
	p->pidfd = pidfd_open(pid, 0);
	p->go = go[1];
	p->result = said[0];
	assert_true(p->pidfd >= 0);
}

void stand_in_end(struct stand_in *p)
{
	kill(p->pid, SIGKILL);
	waitpid(p->pid, NULL, 0);
	fd_close(p->pidfd);
	fd_close(p->go);
	fd_close(p->result);
}

static void order(const struct stand_in *p, int sock, int first, int second)
{
	union msg_any m = {.hdr = {.size = 32, .nfds = sock >= 0}};
	m.words[2] = (uint64_t)(int64_t)first;
	m.words[3] = (uint64_t)(int64_t)second;
	assert_int_equal(wire_send(p->go, &m.hdr, &sock, 0), 0);
}

void stand_in_give(const struct stand_in *p, int sock, int first, int second)
{
	order(p, sock, first, second);
}

void stand_in_enable(const struct stand_in *p)
{
	order(p, -1, -1, -1);
}

static void *send_trap(void *data)
{
	const struct lock_holder *h = data;
	(void)!send(h->sock, h->trap, 1, MSG_NOSIGNAL);
	return NULL;
}

bool lock_of_socket_hold(struct lock_holder *h, int sock)
{
	struct uffdio_api api = {.api = UFFD_API};
	struct uffd_msg message;
	size_t page = (size_t)sysconf(_SC_PAGESIZE);
	*h = (struct lock_holder){.sock = sock};
	h->fault = (int)syscall(SYS_userfaultfd, O_CLOEXEC);
	if (h->fault < 0)
		return false;
	assert_int_equal(mapping_own(&h->trap, page), 0);
	assert_int_equal(ioctl(h->fault, UFFDIO_API, &api), 0);
	struct uffdio_register range = {.range = {.start = (uintptr_t)h->trap, .len = page},
					.mode = UFFDIO_REGISTER_MODE_MISSING};
	assert_int_equal(ioctl(h->fault, UFFDIO_REGISTER, &range), 0);
	assert_int_equal(pthread_create(&h->thread, NULL, send_trap, h), 0);
	assert_int_equal(read(h->fault, &message, sizeof(message)), sizeof(message));
	return true;
}

void lock_of_socket_release(struct lock_holder *h)
{
	close(h->fault); /* the page is there now */
	pthread_join(h->thread, NULL);
}

void connection(int pair[2])
{
	struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t bytes = sizeof(a);
	int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_int_equal(bind(listener, (struct sockaddr *)&a, bytes), 0);
	assert_int_equal(listen(listener, 1), 0);
	assert_int_equal(getsockname(listener, (struct sockaddr *)&a, &bytes), 0);
	pair[0] = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_int_equal(connect(pair[0], (struct sockaddr *)&a, bytes), 0);
	pair[1] = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
	close(listener);
}
