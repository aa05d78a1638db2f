/* SPDX-License-Identifier: MIT */
#include "daemon/broker/outbox.h"

#include <errno.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>

#include "proto/wire.h"

#define AGAIN_US    20000u
#define ACCURACY_US 5000u

struct letter {
	STAILQ_ENTRY(letter) link;
	int fds[MSG_FDS_MAX];
	union link_any m; /* as many bytes as its header says */
};

void outbox_init(struct outbox *o, int wake)
{
	*o = (struct outbox){.sock = -1, .wake = wake};
	pthread_mutex_init(&o->lock, NULL);
	STAILQ_INIT(&o->letters);
}

static void letter_free(struct outbox *o, struct letter *l)
{
	STAILQ_REMOVE_HEAD(&o->letters, link);
	o->n--;
	wire_close(l->fds, l->m.hdr.nfds);
	free(l);
}

void outbox_done(struct outbox *o)
{
	while (!STAILQ_EMPTY(&o->letters))
		letter_free(o, STAILQ_FIRST(&o->letters));
	sd_event_source_disable_unref(o->again);
	pthread_mutex_destroy(&o->lock);
}

/* Whatever else is wrong, the link is broken, and nobody waits for the message. */
static bool is_for_now(int r)
{
	return r == -EAGAIN || r == -ETOOMANYREFS || r == -ENOBUFS || r == -ENOMEM || r == -EINTR;
}

/* With the lock held. */
static int keep(struct outbox *o, const union link_any *m, int *fds)
{
	size_t bytes = offsetof(struct letter, m) + m->hdr.size;
	if (o->n >= OUTBOX_MAX)
		return -EBUSY;
	struct letter *l = malloc(bytes);
	if (!l)
		return -ENOMEM;
	memcpy(&l->m, m, m->hdr.size);
	for (uint32_t i = 0; i < m->hdr.nfds; i++) {
		l->fds[i] = fds[i];
		fds[i] = -1;
	}
	STAILQ_INSERT_TAIL(&o->letters, l, link);
	o->n++;
	eventfd_write(o->wake, 1);
	return 0;
}

int outbox_send(struct outbox *o, const union link_any *m, int *fds)
{
	int r = -EAGAIN;
	pthread_mutex_lock(&o->lock);
	if (o->n == 0)
		r = wire_send(o->sock, &m->hdr, fds, MSG_DONTWAIT);
	r = is_for_now(r) ? keep(o, m, fds) : 0;
	pthread_mutex_unlock(&o->lock);
	wire_close(fds, m->hdr.nfds);
	return r;
}

static int again(sd_event_source *source, uint64_t usec, void *data)
{
	struct outbox *o = data;
	(void)usec;
	outbox_turn(o, sd_event_source_get_event(source));
	return 0;
}

void outbox_turn(struct outbox *o, sd_event *event)
{
	pthread_mutex_lock(&o->lock);
	while (!STAILQ_EMPTY(&o->letters)) {
		struct letter *l = STAILQ_FIRST(&o->letters);
		if (is_for_now(wire_send(o->sock, &l->m.hdr, l->fds, MSG_DONTWAIT)))
			break;
		letter_free(o, l);
	}
	bool left = o->n > 0;
	pthread_mutex_unlock(&o->lock);
	if (!left)
		return;
	if (!o->again)
		sd_event_add_time_relative(event, &o->again, CLOCK_MONOTONIC, AGAIN_US, ACCURACY_US,
					   again, o);
	else if (sd_event_source_set_time_relative(o->again, AGAIN_US) >= 0)
		sd_event_source_set_enabled(o->again, SD_EVENT_ONESHOT);
}
