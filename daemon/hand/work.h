/* SPDX-License-Identifier: MIT */
/*
 * Each of these does one kind of job. It fills in *reply, and returns a descriptor that is to go
 * with it, or -1. It either closes all that it was given, and says so (`again`); or it may leave
 * everything open, since the process ends.
 */
#ifndef ZCRXD_HAND_WORK_H
#define ZCRXD_HAND_WORK_H

#include "daemon/hand/job.h"

int work_files(const struct hand_files *f, struct hand_reply *reply);
int work_zcrx(const struct hand_zcrx *z, struct hand_reply *reply);
int work_udmabuf(const struct hand_udmabuf *u, struct hand_reply *reply);
int work_devmem(const struct hand_devmem *d, struct hand_reply *reply);
int work_facts(struct hand_reply *reply);
int work_link(const struct hand_link *l, struct hand_reply *reply);

/*
 * Shows the broker memfds and waits for its answer. Then *reply is HAND_DONE, and the job goes on;
 * or it is what the job ends with.
 */
void work_show(struct hand_reply *reply, const int *fds, uint32_t nfds);

/*
 * Maps an area's memfd so that no page of it is made by what is done with the mapping (present.h).
 * It stays mapped until the process ends. Returns 0 or a negative errno.
 */
int work_map(void **ret, int memfd, uint64_t bytes);

/* Fills in *reply for a job that the kernel has carried out (error 0) or refused (negative errno).
 */
void work_over(struct hand_reply *reply, int error);

#endif
