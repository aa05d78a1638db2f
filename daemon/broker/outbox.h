/* SPDX-License-Identifier: MIT */
/*
 * What a pump is sent. The kernel may refuse a message for a while: a user has too many descriptors
 * in flight, or the pump has not read what came before. Such a message waits here and is sent
 * later, in order; none is lost while the pump lives.
 */
#ifndef ZCRXD_OUTBOX_H
#define ZCRXD_OUTBOX_H

#include <pthread.h>
#include <stdint.h>
#include <sys/queue.h>
#include <systemd/sd-event.h>

#include "daemon/link/link.h"

struct letter;

struct outbox {
	int sock; /* the link, borrowed */
	int wake; /* eventfd, borrowed: written when outbox_turn() is due */
	pthread_mutex_t lock;
	STAILQ_HEAD(, letter) letters;
	uint32_t n;
	sd_event_source *again; /* the control thread's: the next try */
};

/* sock is set before the first message. */
void outbox_init(struct outbox *o, int wake);
void outbox_done(struct outbox *o);

#define OUTBOX_MAX 128u

/*
 * Sends the message with m->hdr.nfds descriptors, now or later, and closes them. Returns 0, -EBUSY
 * if OUTBOX_MAX messages wait already, or -ENOMEM. By any thread.
 */
int outbox_send(struct outbox *o, const union link_any *m, int *fds);

/* Sends what waits, as far as the kernel takes it, and tries again later. Of the control thread. */
void outbox_turn(struct outbox *o, sd_event *event);

#endif
