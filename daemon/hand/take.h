/* SPDX-License-Identifier: MIT */
/* Descriptors of a pump, which may be anything: each call here may wait for as long as the client
 * likes. */
#ifndef ZCRXD_HAND_TAKE_H
#define ZCRXD_HAND_TAKE_H

#include <stdbool.h>
#include <stdint.h>

#include "daemon/hand/job.h"

/* Duplicates of the pump's descriptor of that number. HAND_DONE with *ret, else *ret_error says
 * more. */
enum hand_fault take_ring(int *ret, int pidfd, int number, int *ret_error);
/* A memfd that holds that many bytes at least, and cannot shrink. */
enum hand_fault take_memfd(int *ret, int pidfd, int number, uint64_t bytes, int *ret_error);
enum hand_fault take_dmabuf(int *ret, int pidfd, int number, int *ret_error);

#endif
