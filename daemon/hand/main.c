/* SPDX-License-Identifier: MIT */
/*
 * zcrx-hand: one privileged job on something that a client can make block, for the broker (zcrxd),
 * which starts a process for each job and gives it up at a deadline. It gets exactly what the job
 * needs, says how it went, and ends.
 *
 * A program of its own, and not zcrxd with an argument: what runs with privilege beside a hostile
 * object maps and parses nothing else, starts sooner, and has no way back into the broker.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "daemon/hand/work.h"

#define AGAIN_NS 20000000

void work_over(struct hand_reply *reply, int error)
{
	reply->fault = error < 0 ? HAND_KERNEL : HAND_DONE;
	reply->error = error;
}

static int reply_send(const struct hand_reply *reply, const int *fds, uint32_t nfds)
{
	_Alignas(struct cmsghdr) char control[CMSG_SPACE(sizeof(int) * MSG_FDS_MAX)] = {0};
	size_t bytes = sizeof(int) * nfds;
	struct iovec iov = {.iov_base = (void *)(uintptr_t)reply, .iov_len = sizeof(*reply)};
	struct msghdr m = {.msg_iov = &iov, .msg_iovlen = 1};
	if (nfds > 0) {
		m.msg_control = control;
		m.msg_controllen = CMSG_SPACE(bytes);
		struct cmsghdr *c = CMSG_FIRSTHDR(&m);
		*c = (struct cmsghdr){.cmsg_level = SOL_SOCKET,
				      .cmsg_type = SCM_RIGHTS,
				      .cmsg_len = CMSG_LEN(bytes)};
		memcpy(CMSG_DATA(c), fds, bytes);
	}
	/* The user may have too many descriptors in flight for a while: the hand has a deadline. */
	while (sendmsg(HAND_SOCKET_FD, &m, MSG_NOSIGNAL) < 0)
		if (errno != ETOOMANYREFS ||
		    nanosleep(&(struct timespec){.tv_nsec = AGAIN_NS}, NULL) < 0)
			return -errno;
	return 0;
}

void work_show(struct hand_reply *reply, const int *fds, uint32_t nfds)
{
	const struct hand_reply shown = {.fault = HAND_SHOWN};
	int error = reply_send(&shown, fds, nfds);
	if (error == 0 && recv(HAND_SOCKET_FD, &error, sizeof(error), 0) != sizeof(error))
		error = -EPIPE;
	reply->fault = error < 0 ? HAND_REFUSED : HAND_DONE;
	reply->error = error;
}

static int work(const struct hand_job *job, struct hand_reply *reply)
{
	switch (job->kind) {
	case HAND_FILES:
		return work_files(&job->files, reply);
	case HAND_UDMABUF:
		return work_udmabuf(&job->udmabuf, reply);
	case HAND_ZCRX:
		return work_zcrx(&job->zcrx, reply);
	case HAND_DEVMEM:
		return work_devmem(&job->devmem, reply);
	case HAND_FACTS:
		return work_facts(reply);
	default:
		work_over(reply, -EINVAL);
		return -1;
	}
}

int main(void)
{
	struct hand_job job;
	struct hand_reply reply = {0};
	char end;
	/* It ends with the broker. If it has registered a queue by then, nobody is told, and the
	 * pump closes that ring. */
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (fcntl(HAND_SOCKET_FD, F_GETFD) < 0 ||
	    recv(HAND_SOCKET_FD, &job, sizeof(job), 0) != sizeof(job)) {
		fprintf(stderr, "zcrx-hand is started by zcrxd, one for each job.\n");
		return 2;
	}
	int fd = work(&job, &reply);
	if (reply_send(&reply, &fd, fd >= 0) < 0)
		return 1;
	(void)!recv(HAND_SOCKET_FD, &end, sizeof(end), 0); /* the broker closes its end */
	return 0;
}
