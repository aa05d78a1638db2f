/* SPDX-License-Identifier: MIT */
/*
 * zcrx-hand: one privileged job on something that a client can make block, for the broker (zcrxd),
 * which gives the process up at a deadline. It gets exactly what the job needs, says how it went,
 * and ends; or takes another job, when it has closed all that it had for this one (job.h).
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
#include "proto/wire.h"

#define AGAIN_NS 20000000

void work_over(struct hand_reply *reply, int error)
{
	reply->fault = error < 0 ? HAND_KERNEL : HAND_DONE;
	reply->error = error;
}

static int reply_send(struct hand_reply *reply, const int *fds, uint32_t nfds)
{
	int r;
	reply->hdr = (struct msg_hdr){.size = sizeof(*reply), .nfds = (uint16_t)nfds};
	/* The user may have too many descriptors in flight for a while: the hand has a deadline. */
	while ((r = wire_send(HAND_SOCKET_FD, &reply->hdr, fds, 0)) == -ETOOMANYREFS)
		nanosleep(&(struct timespec){.tv_nsec = AGAIN_NS}, NULL);
	return r;
}

void work_show(struct hand_reply *reply, const int *fds, uint32_t nfds)
{
	struct hand_reply shown = {.fault = HAND_SHOWN};
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
	case HAND_LINK:
		return work_link(&job->link, reply);
	default:
		work_over(reply, -EINVAL);
		return -1;
	}
}

/* False: the broker has closed its end. */
static bool job_receive(struct hand_job *job)
{
	union msg_any m;
	int fds[MSG_FDS_MAX];
	uint32_t nfds;
	if (wire_recv(HAND_SOCKET_FD, &m, fds, &nfds, 0) != sizeof(*job))
		return false;
	memcpy(job, &m, sizeof(*job));
	return true;
}

int main(void)
{
	struct hand_job job;
	/* It ends with the broker. If it has registered a queue by then, nobody is told, and the
	 * pump closes that ring. */
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (fcntl(HAND_SOCKET_FD, F_GETFD) < 0 || !job_receive(&job)) {
		fprintf(stderr, "zcrx-hand is started by zcrxd, for its jobs.\n");
		return 2;
	}
	do {
		struct hand_reply reply = {.fault = HAND_DONE};
		int fd = work(&job, &reply);
		if (reply.again)
			close(HAND_GIVEN_FD);
		if (reply_send(&reply, &fd, fd >= 0) < 0)
			return 1;
	} while (job_receive(&job));
	return 0;
}
