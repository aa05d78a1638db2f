/* SPDX-License-Identifier: MIT */
/* Descriptors that a hand is sent for a request, and requests that take them over. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>

#include "base/clock.h"
#include "daemon/ask/ask.h"
#include "daemon/ask/asking.h"
#include "proto/wire.h"

#define GIVE_NS   (2 * NS_A_SECOND)
#define TRIES_MAX 20u /* with a hand that is late each takes 10 s */

/* A request that nobody waits for: it is asked again if it is answered with an error. */
struct given {
	struct waiter waiter;
	union link_any m;
	uint32_t tries;
	int fds[];
};

void given_free(struct waiter *w)
{
	struct given *g = (struct given *)w;
	LIST_REMOVE(w, link);
	wire_close(g->fds, w->n_gives);
	free(g);
}

void ask_giving(union link_any *m, uint16_t type, int *fds, uint32_t n)
{
	struct given *g = malloc(sizeof(*g) + n * sizeof(*fds));
	if (!g)
		return wire_close(fds, n);
	*g = (struct given){.waiter = {.type = type,
				       .gives = g->fds,
				       .n_gives = n,
				       .news = -1,
				       .result = 1},
			    .m = *m};
	memcpy(g->fds, fds, n * sizeof(*fds));
	pthread_mutex_lock(&asking.lock);
	asking_add(&g->waiter);
	if (asking_send(m, type, g->waiter.serial) < 0)
		given_free(&g->waiter);
	pthread_mutex_unlock(&asking.lock);
}

void given_over(struct waiter *w, int error)
{
	struct given *g = (struct given *)w;
	if (error == 0 || asking.over || ++g->tries >= TRIES_MAX ||
	    asking_send(&g->m, w->type, w->serial) < 0)
		given_free(w);
}

/*
 * Sends the next ones of the request's descriptors. Returns how many, 0 if there are no more or
 * nobody waits any more, or a negative errno. Whoever waits keeps its descriptors until it is
 * answered, which takes the lock.
 */
static int give_some(uint32_t serial, int sock, uint32_t given)
{
	int r = 0;
	pthread_mutex_lock(&asking.lock);
	const struct waiter *w = asking_find(serial);
	if (w && given < w->n_gives) {
		uint32_t left = w->n_gives - given;
		const struct msg_hdr m = {.size = sizeof(m),
					  .nfds = (uint16_t)(left < MSG_FDS_MAX ? left
										: MSG_FDS_MAX)};
		r = wire_send(sock, &m, &w->gives[given], MSG_DONTWAIT);
		r = r < 0 ? r : m.nfds;
	}
	pthread_mutex_unlock(&asking.lock);
	return r;
}

/*
 * While the user has too many descriptors in flight it tries again, for a time. The queues' threads
 * want the lock, so it is not held meanwhile.
 */
void ask_give(uint32_t serial, int sock)
{
	uint64_t until = clock_ns() + GIVE_NS;
	uint32_t given = 0;
	int r;
	while ((r = give_some(serial, sock, given)) > 0 ||
	       (r == -ETOOMANYREFS && clock_ns() < until)) {
		if (r > 0)
			given += (uint32_t)r;
		else
			nanosleep(&(struct timespec){.tv_nsec = AGAIN_NS}, NULL);
	}
	/* If some are missing the hand finds out. */
}
