/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/fd.h"
#include "daemon/common/present.h"
#include "daemon/common/uring.h"
#include "daemon/pump/socket.h"
#include "proto/addr.h"
#include "proto/mapping.h"
#include "tests/sandbox/attack.h"

#define BUFFER_BYTES 4096

static int failures;

static void check(bool good, const char *what)
{
	if (!good)
		printf("denied, but needed: %s (%s)\n", what,
		       strerrorname_np(errno) ? strerrorname_np(errno) : "?");
	failures += !good;
}

/* Where the client would be. */
static int pair[2] = {-1, -1}, listener = -1, peer = -1;

static void *thread(void *data)
{
	pthread_mutex_t *lock = data;
	pthread_mutex_lock(lock);
	pthread_mutex_unlock(lock);
	return malloc(1 << 16);
}

static void threads(void)
{
	pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
	pthread_attr_t attributes;
	pthread_t id;
	void *memory = NULL;
	pthread_attr_init(&attributes);
	pthread_attr_setstacksize(&attributes, 256u << 10);
	pthread_mutex_lock(&lock);
	int r = pthread_create(&id, &attributes, thread, &lock);
	errno = r;
	check(r == 0, "a thread");
	if (r == 0) {
		nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
		pthread_mutex_unlock(&lock);
		check(pthread_join(id, &memory) == 0 && memory, "the end of a thread");
	}
	free(memory);
}

static void memory(void)
{
	void *map = NULL;
	struct stat st;
	check(mapping_new(&map, FD_MEMFD, BUFFER_BYTES, PROT_READ | PROT_WRITE, 0) == 0,
	      "mapping a memfd");
	check(map && present_only(map, BUFFER_BYTES) == 0, "an area in which no page is made");
	check(send(pair[0], "x", 1, 0) == 1 && recv(pair[1], map, 1, MSG_DONTWAIT) < 0 &&
		      errno == EFAULT,
	      "a page that is missing is not made");
	check(fd_stat(FD_MEMFD, &st) == 0, "fstat");
	check(fcntl(FD_MEMFD, F_ADD_SEALS, F_SEAL_SHRINK) == 0 &&
		      fcntl(FD_MEMFD, F_GET_SEALS) == F_SEAL_SHRINK,
	      "seals");
	int copy = fcntl(FD_MEMFD, F_DUPFD_CLOEXEC, 0);
	check(copy >= 0 && close(copy) == 0, "a duplicate");
	if (map)
		mapping_free(map, BUFFER_BYTES);
	char *block = malloc(1 << 20), *larger = block ? realloc(block, 64 << 20) : NULL;
	check(larger != NULL, "much memory");
	free(larger ? larger : block);
}

/* A message with a descriptor, to and fro. */
static void messages(void)
{
	char byte = 'x', control[CMSG_SPACE(sizeof(int))] = {0};
	struct iovec iov = {.iov_base = &byte, .iov_len = 1};
	struct msghdr m = {.msg_iov = &iov,
			   .msg_iovlen = 1,
			   .msg_control = control,
			   .msg_controllen = sizeof(control)};
	struct cmsghdr *c = CMSG_FIRSTHDR(&m);
	int fd = FD_MEMFD, ends[2];
	*c = (struct cmsghdr){.cmsg_level = SOL_SOCKET,
			      .cmsg_type = SCM_RIGHTS,
			      .cmsg_len = CMSG_LEN(sizeof(int))};
	memcpy(CMSG_DATA(c), &fd, sizeof(fd));
	check(sendmsg(pair[0], &m, MSG_NOSIGNAL | MSG_DONTWAIT) == 1, "sendmsg");
	check(recvmsg(pair[1], &m, MSG_CMSG_CLOEXEC | MSG_DONTWAIT) == 1, "recvmsg");
	check(send(pair[0], &byte, 1, MSG_NOSIGNAL | MSG_DONTWAIT) == 1, "send");
	check(recv(pair[1], &byte, 1, MSG_DONTWAIT) == 1, "recv");
	check(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) == 0, "a channel");
}

static void waiting(void)
{
	int epoll = epoll_create1(EPOLL_CLOEXEC), counter = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	struct epoll_event e = {.events = EPOLLIN};
	eventfd_t n;
	check(epoll >= 0 && counter >= 0, "epoll and eventfd");
	check(epoll_ctl(epoll, EPOLL_CTL_ADD, counter, &e) == 0, "epoll_ctl");
	check(eventfd_write(counter, 1) == 0, "eventfd_write");
	check(epoll_pwait2(epoll, &e, 1, &(struct timespec){.tv_sec = 10}, NULL) == 1,
	      "epoll_pwait2");
	check(eventfd_read(counter, &n) == 0, "eventfd_read");
	check(poll(&(struct pollfd){.fd = counter, .events = POLLOUT}, 1, 0) == 1, "poll");
	check(clock_gettime(CLOCK_THREAD_CPUTIME_ID, &(struct timespec){0}) == 0, "clock_gettime");
}

/* A connection is accepted by one ring and received by the other, and reset. */
static void streams(struct stage *s)
{
	struct uring queue = {.io = s->queue, .eventfd = -1}, ops = {.io = s->ops, .eventfd = -1};
	struct io_uring_sqe sqe = {0};
	char *area = malloc(BUFFER_BYTES);
	int error = 0, unread = 0;
	check(uring_eventfd(&ops, false) == 0, "a ring's eventfd");
	struct io_uring_buf_ring *buffers = uring_buffers_new(&queue, 1, 0, &error);
	check(buffers != NULL && area != NULL, "a ring of buffers");
	if (!buffers || !area)
		return;
	io_uring_prep_accept(&sqe, listener, NULL, NULL, SOCK_CLOEXEC);
	int accepted = submit(&ops.io, &sqe);
	errno = accepted < 0 ? -accepted : 0;
	check(accepted >= 0, "ACCEPT");
	check(ioctl(accepted, FIONREAD, &unread) == 0, "FIONREAD");
	io_uring_buf_ring_add(buffers, area, BUFFER_BYTES, 0, 0, 0);
	io_uring_buf_ring_advance(buffers, 1);
	memset(&sqe, 0, sizeof(sqe));
	io_uring_prep_recv_multishot(&sqe, accepted, NULL, 0, 0);
	sqe.flags |= IOSQE_BUFFER_SELECT;
	int n = submit(&queue.io, &sqe);
	errno = n < 0 ? -n : 0;
	check(n == 5 && memcmp(area, "hello", 5) == 0, "RECV into a ring of buffers");
	uint16_t head;
	check(io_uring_buf_ring_head(&queue.io, 0, &head) == 0, "the head of a ring of buffers");
	check(uring_stop(&queue), "the end of all that is submitted");
	check(socket_cookie(accepted) != 0, "SO_COOKIE");
	struct msg_addr local, remote;
	addr_of_socket(accepted, &local, &remote);
	check(local.family == 4 && remote.family == 4, "addresses");
	socket_nudge(accepted);
	socket_abort(accepted);
	check(socket_end(accepted, 1) == -ECONNRESET, "resetting a connection");
	check(shutdown(peer, SHUT_RDWR) == 0 || errno == ENOTCONN, "shutdown");
}

int allowed_try(const struct world *w, struct stage *s)
{
	(void)w;
	threads();
	memory();
	messages();
	waiting();
	streams(s);
	check(getpid() > 0, "getpid");
	return failures;
}

bool allowed_prepare(void)
{
	struct sockaddr_storage a = {.ss_family = AF_INET};
	socklen_t bytes = sizeof(a);
	listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	peer = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	return socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) == 0 &&
	       listen(listener, 8) == 0 &&
	       getsockname(listener, (struct sockaddr *)&a, &bytes) == 0 &&
	       connect(peer, (struct sockaddr *)&a, bytes) == 0 && send(peer, "hello", 5, 0) == 5 &&
	       ftruncate(FD_MEMFD, BUFFER_BYTES) == 0;
}
