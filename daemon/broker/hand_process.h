/* SPDX-License-Identifier: MIT */
/*
 * One process of zcrx-hand: its process id, its pidfd, and the socket by which it gets jobs and
 * answers. No function waits. Every descriptor that the process sends is given to the caller, or
 * closed here. What the messages mean is hand.h's matter.
 *
 * Closing the socket lets the process end. While it lives it has the descriptors that it sent, too,
 * so the last of them is not closed in this process as long as the socket is closed after them.
 */
#ifndef ZCRXD_HAND_PROCESS_H
#define ZCRXD_HAND_PROCESS_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "daemon/hand/job.h"
#include "proto/msg.h"

struct hand_process {
	pid_t pid;
	int sock, pidfd;
};

#define HAND_PROCESS_NULL ((struct hand_process){.sock = -1, .pidfd = -1})

/*
 * Starts the program with its first job. It has the descriptors as HAND_FIRST_FD and the following
 * numbers. Returns 0 or a negative errno; hand_process_done() either way. Also after an error the
 * process runs if p->pid is not 0: there was no pidfd for it. The caller kills it and waits for it.
 */
int hand_process_start(struct hand_process *p, const char *program, const struct hand_job *job,
		       const int *fds, unsigned nfds);

/* Sends one more job, with its descriptors. Returns 0 or a negative errno. */
int hand_process_job(const struct hand_process *p, const struct hand_job *job, const int *fds,
		     unsigned nfds);

struct hand_message {
	struct hand_reply reply; /* HAND_DIED if the process has ended */
	int fds[MSG_FDS_MAX];    /* the caller's */
	uint32_t nfds;
	bool truncated; /* descriptors are missing, for this process may have no more */
};

/* Reads the next message. Returns false if none has come. */
bool hand_process_read(const struct hand_process *p, struct hand_message *ret);

/* Answers what was shown: 0 or a negative errno. */
void hand_process_tell(const struct hand_process *p, int error);

/* The socket, once the caller has closed what came by it. */
void hand_process_hang_up(struct hand_process *p);

void hand_process_kill(const struct hand_process *p);
void hand_process_done(struct hand_process *p);

#endif
