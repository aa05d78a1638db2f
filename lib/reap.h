/* SPDX-License-Identifier: MIT */
/* Sleeping on, for whoever reads the channel beside zcrx_reap() and zcrx_wait(). */
#ifndef ZCRX_LIB_REAP_H
#define ZCRX_LIB_REAP_H

struct zcrx_queue;

/*
 * The channel was read, and its user may sleep: zcrx_reap() returned 0, and promised that the
 * descriptor becomes readable when there is something. The promise is made anew, and if there is
 * something already, the daemon is asked for a wake-up.
 */
void reap_sleep_on(struct zcrx_queue *q);

#endif
