/* SPDX-License-Identifier: MIT */
/*
 * Hands: short processes (daemon/hand) that do what takes privilege on an object of a client's, one
 * for each job, since whoever touches such an object may have to wait for ever. The broker waits
 * for none of them: the answer comes by its loop, or the deadline does. A hand that is late is
 * killed; until the kernel lets go of it, which may take as long as its client likes, it is counted
 * for who pays.
 */
#ifndef ZCRXD_HAND_H
#define ZCRXD_HAND_H

#include <stdint.h>
#include <systemd/sd-event.h>

#include "daemon/hand/job.h"

#define HANDS_EACH_MAX 8 /* for one who pays, those that are stuck among them */

struct hands;
struct hand;

/* What a hand's owner is told, by the loop. */
struct hand_calls {
	/*
	 * The hand shows memfds, which stay its own (HAND_SHOWN). Returns 0, or the negative errno
	 * with which it ends. NULL: nothing is shown with this job.
	 */
	int (*shown)(void *owner, const int *fds, uint32_t nfds);
	/* Called once: it is over. The descriptor that came with it, or -1, is the callee's. */
	void (*done)(void *owner, const struct hand_reply *reply, int fd);
};

/*
 * program: the path of zcrx-hand. gone: is called whenever the process of a hand has ended, stuck
 * ones among them. Returns 0 or a negative errno.
 */
int hands_new(struct hands **ret, sd_event *loop, const char *program, void (*gone)(void *data),
	      void *data);

/* Kills those that run; their jobs are over by that. */
void hands_kill(const struct hands *all);

/* Kills those that run, and waits for none. Nobody is called. Returns NULL. */
struct hands *hands_free(struct hands *all);

/*
 * Starts one. Borrows the descriptors, which the job says (job.h). payer: any number, a user's say.
 * Nobody is called from here. *ret is the owner's until done is called. Returns 0, -EDQUOT if the
 * payer has HANDS_EACH_MAX, or a negative errno.
 */
int hand_start(struct hand **ret, struct hands *all, const struct hand_job *job, const int *fds,
	       unsigned nfds, uint64_t payer, uint64_t deadline_ms, const struct hand_calls *calls,
	       void *owner);

/* Nobody wants to know any more: it is killed, and its owner is not called. */
void hand_forget(struct hand *h);

/* How many processes the payer has, running and stuck. */
unsigned hands_held(const struct hands *all, uint64_t payer);

/* A sentence for who administers, or whose job it was; "" if all went well. */
void hand_sentence(const struct hand_reply *reply, char *ret, size_t bytes);

#endif
