/* SPDX-License-Identifier: MIT */
/* Attacks by what a ring submits and registers. */
#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <netinet/in.h>
#include <pthread.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "tests/sandbox/attack.h"

#define PATH "/etc/passwd"

static struct open_how how = {.flags = O_RDONLY};
static struct statx status;
static struct sockaddr_storage to_tcp4, to_udp, any4, path, datagram_path, abstract;
static char letter = 'x';
static struct iovec byte = {.iov_base = &letter, .iov_len = 1};
static struct msghdr to_path_message, to_udp_message, to_tcp_message;
static char text[256];
static int on = 1;
static struct epoll_event event;

int submit(struct io_uring *ring, const struct io_uring_sqe *sqe)
{
	struct io_uring_sqe *next = io_uring_get_sqe(ring);
	struct io_uring_cqe *cqe;
	if (!next)
		return -EBUSY;
	*next = *sqe;
	int r = io_uring_submit_and_wait(ring, 1);
	if (r < 0)
		return r;
	r = io_uring_wait_cqe(ring, &cqe);
	if (r < 0)
		return r;
	r = cqe->res;
	io_uring_cqe_seen(ring, cqe);
	return r;
}

static struct io_uring_sqe *sqe_add(struct attacks *all, const char *name, int landlock)
{
	struct attack *a = attack_add(all, name, BY_SQE);
	a->landlock = landlock;
	return &a->sqe;
}

static struct msghdr message(struct sockaddr_storage *to, socklen_t bytes)
{
	return (struct msghdr){.msg_name = to,
			       .msg_namelen = bytes,
			       .msg_iov = &byte,
			       .msg_iovlen = 1};
}

static void files(struct attacks *all, const struct world *w)
{
	io_uring_prep_openat(sqe_add(all, "OPENAT", 1), AT_FDCWD, PATH, O_RDONLY, 0);
	io_uring_prep_openat2(sqe_add(all, "OPENAT2", 1), AT_FDCWD, PATH, &how);
	io_uring_prep_openat(sqe_add(all, "OPENAT, O_PATH", LANDLOCK_NOT), AT_FDCWD, PATH, O_PATH,
			     0);
	io_uring_prep_statx(sqe_add(all, "STATX", LANDLOCK_NOT), AT_FDCWD, PATH, 0, STATX_ALL,
			    &status);
	io_uring_prep_getxattr(sqe_add(all, "GETXATTR", LANDLOCK_NOT), "user.x", text, PATH,
			       sizeof(text));
	all->list[all->n - 1].kernel = true; /* there is none */
	io_uring_prep_unlinkat(sqe_add(all, "UNLINKAT", 1), AT_FDCWD, "victim", 0);
	io_uring_prep_renameat(sqe_add(all, "RENAMEAT", 1), AT_FDCWD, "victim", AT_FDCWD, "moved",
			       0);
	io_uring_prep_mkdirat(sqe_add(all, "MKDIRAT", 1), AT_FDCWD, "made", 0700);
	io_uring_prep_symlinkat(sqe_add(all, "SYMLINKAT", 1), "x", AT_FDCWD, "link");
	io_uring_prep_write(sqe_add(all, "WRITE", LANDLOCK_NOT), FD_MEMFD, "x", 1, 0);
	(void)w;
}

static void network(struct attacks *all, const struct world *w)
{
	socklen_t in4 = sizeof(struct sockaddr_in);
	const struct sockaddr *tcp = (const void *)&to_tcp4, *udp = (const void *)&to_udp;
	io_uring_prep_socket(sqe_add(all, "SOCKET, TCP", LANDLOCK_NOT), AF_INET, SOCK_STREAM, 0, 0);
	io_uring_prep_socket(sqe_add(all, "SOCKET, MPTCP", LANDLOCK_NOT), AF_INET, SOCK_STREAM,
			     IPPROTO_MPTCP, 0);
	io_uring_prep_socket(sqe_add(all, "SOCKET, netlink", LANDLOCK_NOT), AF_NETLINK, SOCK_RAW, 0,
			     0);
	io_uring_prep_connect(sqe_add(all, "CONNECT, TCP", 4), FD_TCP4, tcp, in4);
	io_uring_prep_connect(sqe_add(all, "CONNECT, MPTCP", LANDLOCK_NOT), FD_MPTCP, tcp, in4);
	io_uring_prep_connect(sqe_add(all, "CONNECT, UDP", 10), FD_UDP, udp, in4);
	io_uring_prep_connect(sqe_add(all, "CONNECT, unix path", 9), FD_UNIX, (const void *)&path,
			      w->path_bytes);
	io_uring_prep_connect(sqe_add(all, "CONNECT, unix abstract", 6), FD_UNIX,
			      (const void *)&abstract, w->abstract_bytes);
	io_uring_prep_bind(sqe_add(all, "BIND, TCP", 4), FD_TCP4, (struct sockaddr *)&any4, in4);
	io_uring_prep_bind(sqe_add(all, "BIND, MPTCP", LANDLOCK_NOT), FD_MPTCP,
			   (struct sockaddr *)&any4, in4);
	io_uring_prep_listen(sqe_add(all, "LISTEN", LANDLOCK_NOT), FD_TCP4, 8);
	io_uring_prep_sendmsg(sqe_add(all, "SENDMSG, MSG_FASTOPEN", 10), FD_TCP4, &to_tcp_message,
			      MSG_FASTOPEN);
	all->list[all->n - 1].mended = true;
	io_uring_prep_sendmsg(sqe_add(all, "SENDMSG, UDP", 10), FD_UDP, &to_udp_message, 0);
	io_uring_prep_sendmsg(sqe_add(all, "SENDMSG, unix path", 9), FD_UNIX_DATAGRAM,
			      &to_path_message, 0);
	io_uring_prep_send(sqe_add(all, "SEND", LANDLOCK_NOT), FD_UDP, "x", 1, 0);
	io_uring_prep_send_set_addr(&all->list[all->n - 1].sqe, udp, (uint16_t)in4);
	all->list[all->n - 1].landlock = 10;
}

/* FD_TCP4 stands in for any descriptor that has commands. */
static int command(const struct world *w, struct stage *s)
{
	struct io_uring_sqe sqe = {0};
	(void)w;
	io_uring_prep_cmd_sock(&sqe, SOCKET_URING_OP_SETSOCKOPT, FD_TCP4, SOL_SOCKET, SO_KEEPALIVE,
			       &on, sizeof(on));
	int r = submit(&s->queue, &sqe);
	return r < 0 ? submit(&s->ops, &sqe) : r;
}

static int to_the_other(const struct world *w, struct stage *s)
{
	struct io_uring_sqe sqe = {0};
	(void)w;
	io_uring_prep_msg_ring(&sqe, s->ops.ring_fd, 1, 1, 0);
	int r = submit(&s->queue, &sqe);
	io_uring_prep_msg_ring(&sqe, s->queue.ring_fd, 1, 1, 0);
	return r < 0 ? submit(&s->ops, &sqe) : r;
}

static void processes(struct attacks *all, const struct world *w)
{
	struct attack *a = attack_add(all, "URING_CMD, of a socket", BY_SQE);
	a->run = command;
	a->command = true;
	a = attack_add(all, "MSG_RING", BY_SQE);
	a->run = to_the_other;
	io_uring_prep_epoll_ctl(sqe_add(all, "EPOLL_CTL", LANDLOCK_NOT), 0, FD_UDP, EPOLL_CTL_ADD,
				&event);
	all->list[all->n - 1].kernel = true; /* descriptor 0 is no epoll */
	io_uring_prep_nop(sqe_add(all, "NOP", LANDLOCK_NOT));
	io_uring_prep_close(sqe_add(all, "CLOSE", LANDLOCK_NOT), FD_UDP);
	io_uring_prep_madvise(sqe_add(all, "MADVISE", LANDLOCK_NOT), NULL, 0, 0);
	(void)w;
}

static int new_ring(struct io_uring *ring)
{
	struct io_uring_params p = {.flags = IORING_SETUP_SINGLE_ISSUER |
					     IORING_SETUP_DEFER_TASKRUN};
	return io_uring_queue_init_params(8, ring, &p);
}

static int by_new_ring(const struct io_uring_sqe *sqe)
{
	struct io_uring ring;
	int r = new_ring(&ring);
	return r < 0 ? r : submit(&ring, sqe);
}

static int new_stat(const struct world *w, struct stage *s)
{
	struct io_uring_sqe sqe = {0};
	(void)w;
	(void)s;
	io_uring_prep_statx(&sqe, AT_FDCWD, PATH, 0, STATX_ALL, &status);
	return by_new_ring(&sqe);
}

static void *stat_by_thread(void *result)
{
	*(int *)result = new_stat(NULL, NULL);
	return NULL;
}

/* A thread that was started in the sandbox is in it, too. */
static int new_thread(const struct world *w, struct stage *s)
{
	pthread_t thread;
	int result;
	(void)w;
	(void)s;
	int r = pthread_create(&thread, NULL, stat_by_thread, &result);
	return r ? -r : pthread_join(thread, NULL) ? -1 : result;
}

static int new_socket(const struct world *w, struct stage *s)
{
	struct io_uring_sqe sqe = {0};
	(void)w;
	(void)s;
	io_uring_prep_socket(&sqe, AF_INET, SOCK_DGRAM, 0, 0);
	return by_new_ring(&sqe);
}

static int new_registration(const struct world *w, struct stage *s)
{
	struct io_uring ring;
	(void)w;
	(void)s;
	int r = new_ring(&ring);
	return r < 0 ? r
		     : io_uring_register((unsigned)ring.ring_fd, IORING_REGISTER_PERSONALITY, NULL,
					 0);
}

static struct io_uring_restriction wider = {.opcode = IORING_RESTRICTION_SQE_OP,
					    .sqe_op = IORING_OP_OPENAT};
static int files_to_register[] = {FD_UDP};
static struct iovec buffer = {.iov_base = text, .iov_len = sizeof(text)};

static int personality(const struct world *w, struct stage *s)
{
	(void)w;
	return io_uring_register((unsigned)s->queue.ring_fd, IORING_REGISTER_PERSONALITY, NULL, 0);
}

static int register_files(const struct world *w, struct stage *s)
{
	(void)w;
	return io_uring_register((unsigned)s->queue.ring_fd, IORING_REGISTER_FILES,
				 files_to_register, 1);
}

static int register_buffers(const struct world *w, struct stage *s)
{
	(void)w;
	return io_uring_register((unsigned)s->queue.ring_fd, IORING_REGISTER_BUFFERS, &buffer, 1);
}

static int restrict_again(const struct world *w, struct stage *s)
{
	(void)w;
	return io_uring_register((unsigned)s->queue.ring_fd, IORING_REGISTER_RESTRICTIONS, &wider,
				 1);
}

static void registrations(struct attacks *all)
{
	attack_add(all, "register, PERSONALITY", BY_REGISTER)->run = personality;
	attack_add(all, "register, FILES", BY_REGISTER)->run = register_files;
	attack_add(all, "register, BUFFERS", BY_REGISTER)->run = register_buffers;
	struct attack *a = attack_add(all, "register, RESTRICTIONS again", BY_REGISTER);
	a->run = restrict_again;
	a->kernel = true; /* never to a ring that is enabled */
	a->unseen = true;
}

void attacks_by_rings(struct attacks *all, const struct world *w)
{
	to_tcp4 = w->tcp4;
	to_udp = w->udp;
	any4 = w->any4;
	path = w->path;
	datagram_path = w->datagram_path;
	abstract = w->abstract;
	to_path_message = message(&datagram_path, w->datagram_path_bytes);
	to_udp_message = message(&to_udp, sizeof(struct sockaddr_in));
	to_tcp_message = message(&to_tcp4, sizeof(struct sockaddr_in));
	files(all, w);
	network(all, w);
	processes(all, w);
	registrations(all);
	const struct {
		const char *name;
		enum attack_by by;
		int (*run)(const struct world *w, struct stage *s);
	} later[] = {{"a new ring, and STATX", BY_FUNCTION, new_stat},
		     {"a new ring of a new thread", BY_FUNCTION, new_thread},
		     {"a new ring, and SOCKET", BY_FUNCTION, new_socket},
		     {"a new ring, and a registration", BY_REGISTER, new_registration}};
	for (size_t i = 0; i < sizeof(later) / sizeof(later[0]); i++) {
		struct attack *a = attack_add(all, later[i].name, later[i].by);
		a->run = later[i].run;
		a->new_ring = true;
	}
}
