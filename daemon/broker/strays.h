/* SPDX-License-Identifier: MIT */
/*
 * Children that were killed since they cannot be watched, or are not wanted. They may be stuck in a
 * client's object already, so nobody waits for them; and they may have ended a moment later, so it
 * is looked again and again. Only the control thread calls.
 */
#ifndef ZCRXD_STRAYS_H
#define ZCRXD_STRAYS_H

#include <sys/queue.h>
#include <sys/types.h>
#include <systemd/sd-event.h>

struct stray {
	LIST_ENTRY(stray) link;
	pid_t pid;
	void (*gone)(struct stray *s); /* NULL: it is freed */
};

struct strays {
	LIST_HEAD(, stray) list;
	sd_event_source *look; /* on while there are any */
};

/* Returns 0 or a negative errno; strays_done() either way. */
int strays_init(struct strays *all, sd_event *event);
void strays_done(struct strays *all);

/*
 * Kills the child, and waits for it by the loop; then calls gone(), which takes s back. The caller
 * made s before there was the child: so nothing is missing now. strays_done() forgets it.
 */
void strays_lend(struct strays *all, struct stray *s, pid_t pid, void (*gone)(struct stray *s));

/* The same, but s is from malloc(), and taken over. */
void strays_add(struct strays *all, struct stray *s, pid_t pid);

#endif
