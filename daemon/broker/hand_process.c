/* SPDX-License-Identifier: MIT */
#include "daemon/broker/hand_process.h"

#include <assert.h>
#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/socket.h>

#include "base/fd.h"
#include "daemon/broker/programs.h"
#include "proto/wire.h"

/* nfds: of the descriptors that go with the message. */
int hand_process_job(const struct hand_process *p, const struct hand_job *job, const int *fds,
		     unsigned nfds)
{
	struct hand_job sent = *job;
	sent.hdr = (struct msg_hdr){.size = sizeof(sent), .nfds = (uint16_t)nfds};
	return wire_send(p->sock, &sent.hdr, fds, MSG_DONTWAIT);
}

static int spawn(struct hand_process *p, const char *program, int other, const int *fds,
		 unsigned nfds)
{
	static_assert(HAND_SOCKET_FD == PROGRAM_FIRST_FD && HAND_FIRST_FD == PROGRAM_FIRST_FD + 1 &&
			      1 + HAND_FDS_MAX <= PROGRAM_FDS_MAX,
		      "in the order in which the hand gets them");
	int all[1 + HAND_FDS_MAX] = {other};
	char *argv[] = {(char[]){PROGRAM_HAND}, NULL}, *environment[] = {NULL};
	for (unsigned i = 0; i < nfds; i++)
		all[1 + i] = fds[i];
	const struct program hand = {.path = program,
				     .argv = argv,
				     .environment = environment,
				     .fds = all,
				     .nfds = 1 + nfds};
	int r = program_spawn(&hand, &p->pid);
	return r == -EACCES ? -ENOENT : r; /* -EACCES says that a memfd may not be read */
}

int hand_process_start(struct hand_process *p, const char *program, const struct hand_job *job,
		       const int *fds, unsigned nfds)
{
	int pair[2];
	*p = HAND_PROCESS_NULL;
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
		return -errno;
	p->sock = pair[0];
	_cleanup_(fd_closep) int other = pair[1];
	int r = hand_process_job(p, job, NULL, 0);
	if (r == 0)
		r = spawn(p, program, other, fds, nfds);
	if (r < 0)
		return r;
	p->pidfd = pidfd_open(p->pid, 0);
	return p->pidfd < 0 ? -errno : 0;
}

static uint32_t fds_take(struct msghdr *m, int fds[MSG_FDS_MAX])
{
	const struct cmsghdr *c = CMSG_FIRSTHDR(m);
	if (!c || c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS)
		return 0;
	uint32_t n = (uint32_t)((c->cmsg_len - CMSG_LEN(0)) / sizeof(int));
	memcpy(fds, CMSG_DATA(c), n * sizeof(int));
	return n;
}

bool hand_process_read(const struct hand_process *p, struct hand_message *ret)
{
	_Alignas(struct cmsghdr) char control[CMSG_SPACE(sizeof(int) * MSG_FDS_MAX)];
	struct iovec iov = {.iov_base = &ret->reply, .iov_len = sizeof(ret->reply)};
	struct msghdr m = {.msg_iov = &iov,
			   .msg_iovlen = 1,
			   .msg_control = control,
			   .msg_controllen = CMSG_LEN(sizeof(int) * MSG_FDS_MAX)};
	ssize_t n = recvmsg(p->sock, &m, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return false;
	ret->nfds = n > 0 ? fds_take(&m, ret->fds) : 0;
	ret->truncated = n > 0 && m.msg_flags & MSG_CTRUNC;
	if (n != sizeof(ret->reply))
		ret->reply = (struct hand_reply){.fault = HAND_DIED, .error = -EIO};
	return true;
}

void hand_process_tell(const struct hand_process *p, int error)
{
	(void)send(p->sock, &error, sizeof(error), MSG_DONTWAIT | MSG_NOSIGNAL);
}

void hand_process_hang_up(struct hand_process *p)
{
	p->sock = fd_close(p->sock);
}

void hand_process_kill(const struct hand_process *p)
{
	if (p->pidfd >= 0)
		pidfd_send_signal(p->pidfd, SIGKILL, NULL, 0);
	else if (p->pid > 0) /* nobody has waited for it, so the number is still its own */
		kill(p->pid, SIGKILL);
}

void hand_process_done(struct hand_process *p)
{
	fd_close(p->sock);
	fd_close(p->pidfd);
	*p = HAND_PROCESS_NULL;
}
