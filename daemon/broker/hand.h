/* SPDX-License-Identifier: MIT */
/*
 * Hands: short processes (daemon/hand), which do what takes privilege on an object of a client's:
 * whoever touches such an object may have to wait for ever. The broker waits for no hand: its event
 * loop brings the answer, or the deadline. A hand that has not answered by then is killed. Until
 * the kernel lets go of the process, which may take as long as the client likes, the hand counts
 * for its payer.
 *
 * A hand has one job at a time. To start a process takes longer than most jobs, so a hand that has
 * closed everything that belonged to its job, and has said so, waits 0.2 s for another one.
 * Only a job of the same payer's gets it. A payer has one such hand at most, and it does not count.
 */
#ifndef ZCRXD_HAND_H
#define ZCRXD_HAND_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>
#include <systemd/sd-event.h>

#include "daemon/hand/job.h"

#define HANDS_EACH_MAX 8 /* of one payer, stuck ones among them */

struct hands;
struct hand;

/* What a hand's owner is told, by the loop. */
struct hand_calls {
	/*
	 * The hand shows memfds, which stay its own (HAND_SHOWN). Returns 0, or the negative errno
	 * with which it ends. NULL: nothing is shown with this job.
	 */
	int (*shown)(void *owner, const int *fds, uint32_t nfds);
	/*
	 * The job is over, or was given up. Called once. The descriptor that came with the reply,
	 * or -1, is the callee's.
	 */
	void (*done)(void *owner, const struct hand_reply *reply, int fd);
};

/*
 * program: the path of zcrx-hand. gone() is called whenever the payer may have another hand: the
 * process of one has ended, also one that was stuck, or one waits for a job. Returns 0 or a
 * negative errno.
 */
int hands_new(struct hands **ret, sd_event *loop, const char *program,
	      void (*gone)(void *data, uint64_t payer), void *data);

/* Kills all hands: their jobs fail, as the loop then tells their owners. */
void hands_kill(struct hands *all);

/* Kills all hands, waits for none and calls no owner. Returns NULL. */
struct hands *hands_free(struct hands *all);

/* What a hand is to do, and for whom. All of it is borrowed, `calls` until the job is over. */
struct hand_order {
	const struct hand_job *job;
	const int *fds; /* nfds descriptors, which the hand has in the order that job.h says */
	unsigned nfds;
	uint64_t payer; /* a number for whom the hand counts, a uid for instance */
	uint64_t deadline_ms;
	const struct hand_calls *calls;
	void *owner;
};

/*
 * Starts a hand. Calls nobody before it returns. The owner may use *ret (which may be NULL) until
 * `done` is called. Returns 0, -EDQUOT if the payer has HANDS_EACH_MAX, or a negative errno.
 */
int hand_start(struct hand **ret, struct hands *all, const struct hand_order *order);

/* Was a process started for the job that it has? */
bool hand_is_new(const struct hand *h);

/* Its process. */
pid_t hand_pid(const struct hand *h);

/* The owner does not want the answer any more: kills the hand and does not call the owner. */
void hand_forget(struct hand *h);

/* How many processes the payer has, with a job and stuck. */
unsigned hands_held(const struct hands *all, uint64_t payer);

/* Says in a sentence what was in the way, for the administrator or the client; "" if nothing was.
 */
void hand_sentence(const struct hand_reply *reply, char *ret, size_t bytes);

#endif
