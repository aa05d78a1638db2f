/* SPDX-License-Identifier: MIT */
/*
 * Flows whose receive the kernel may have left asleep.
 *
 * A multishot receive that is always behind counts its wake-ups without end; past 128 it only notes
 * that there were more, and forgets that note when it has caught up (Linux 7.2, io_uring/poll.c:
 * io_poll_check_events()). What came while it received the rest waits for the next wake-up then,
 * and after the end of a stream there is none. Some older kernels forget an end more easily
 * (CVE-2026-23473). So a while after a flow brought data its socket is made to wake whoever waits
 * for it once more, if there is something to read or it has ended.
 */
#ifndef ZCRXD_NUDGE_H
#define ZCRXD_NUDGE_H

#include "daemon/pump/model.h"

/* The flow brought data. Cheap: only the first call after a nudge does anything. */
void nudge_note(struct flow *f);

/* Nudges flows that were noted long enough ago. */
void nudge(struct queue *q, uint64_t now_ns);

#endif
