/* SPDX-License-Identifier: MIT */
/*
 * Gets and checks descriptors of a pump. Each may be of anything, so each call here may wait for as
 * long as the client likes.
 */
#ifndef ZCRXD_HAND_TAKE_H
#define ZCRXD_HAND_TAKE_H

#include <stdbool.h>
#include <stdint.h>

#include "daemon/hand/job.h"

/* All of these return HAND_DONE; or what was in the way, and *ret_error says more. */

/* Receives the descriptors that the pump sends with its next message. */
enum hand_fault take_given(int fds[MSG_FDS_MAX], uint32_t *ret_nfds, int *ret_error);
/* Duplicates the pump's descriptor of that number, which has to be a ring's. */
enum hand_fault take_ring(int *ret, int pidfd, int number, int *ret_error);
/* The same of an end of a link; and of any file. */
enum hand_fault take_link(int *ret, int pidfd, int number, int *ret_error);
enum hand_fault take_file(int *ret, int pidfd, int number, int *ret_error);

/* Is it a memfd that holds that many bytes at least, and cannot shrink? */
enum hand_fault check_memfd(int fd, uint64_t bytes, int *ret_error);
enum hand_fault check_dmabuf(int fd, int *ret_error);

#endif
