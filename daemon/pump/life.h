/* SPDX-License-Identifier: MIT */
/*
 * A queue's life, from one state to the next:
 *
 *   MADE ---> RUNNING ---> CLOSING ---> QUIET ---> LEAVING ---> GONE
 *                                         |                       |
 *                                         +---- no hardware ------+
 *
 * MADE: its thread has not taken it over. RUNNING: takes turns. CLOSING: has one turn
 * left. QUIET: no flow is left and nobody writes its memory. LEAVING: its hardware is let go of,
 * which may take a while. GONE: it has no hardware, and may be freed.
 */
#ifndef ZCRXD_LIFE_H
#define ZCRXD_LIFE_H

#include "daemon/pump/model.h"

/* The only way from one state to another; a step that is not drawn above fails an assertion. */
void life_step(struct queue *q, enum life to);

/* The same for the client's thread, which sees it late. */
enum life life_of(const struct queue *q);

/* The queue's next turn is its last. Does nothing to a queue that is CLOSING or past that. */
void life_close(struct queue *q);

/* The same, and the last turn tells the client QUEUE_LOST; text may be NULL, or a constant. */
void life_lose(struct queue *q, int error, uint32_t reason, const char *text);

#endif
