/* SPDX-License-Identifier: MIT */
/*
 * A job each. They fill *reply, and return a descriptor to go with it, or -1. Nothing is closed:
 * the process ends.
 */
#ifndef ZCRXD_HAND_WORK_H
#define ZCRXD_HAND_WORK_H

#include "daemon/hand/job.h"

int work_files(const struct hand_files *f, struct hand_reply *reply);
int work_zcrx(const struct hand_zcrx *z, struct hand_reply *reply);
int work_udmabuf(const struct hand_udmabuf *u, struct hand_reply *reply);
int work_devmem(const struct hand_devmem *d, struct hand_reply *reply);
int work_facts(struct hand_reply *reply);

/*
 * Shows the broker memfds and waits for its answer. *reply is HAND_DONE, or what the job ends with.
 */
void work_show(struct hand_reply *reply, const int *fds, uint32_t nfds);

/* error: 0 or a negative errno. */
void work_over(struct hand_reply *reply, int error);

#endif
