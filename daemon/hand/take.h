/* SPDX-License-Identifier: MIT */
/* Descriptors of a pump, which may be anything: each call here may wait for as long as the client
 * likes. */
#ifndef ZCRXD_HAND_TAKE_H
#define ZCRXD_HAND_TAKE_H

#include <stdbool.h>
#include <stdint.h>

#include "daemon/hand/job.h"

/* All of these return HAND_DONE, else *ret_error says more. */

/* The next ones that the pump gives. */
enum hand_fault take_given(int fds[MSG_FDS_MAX], uint32_t *ret_nfds, int *ret_error);
/* A duplicate of the pump's descriptor of that number. */
enum hand_fault take_ring(int *ret, int pidfd, int number, int *ret_error);

/* Is it a memfd that holds that many bytes at least, and cannot shrink? */
enum hand_fault check_memfd(int fd, uint64_t bytes, int *ret_error);
enum hand_fault check_dmabuf(int fd, int *ret_error);

#endif
