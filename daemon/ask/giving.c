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

/* While the user has too many descriptors in flight it tries again, for a time. */
static int give(int sock, const struct msg_hdr *m, const int *fds)
{
	uint64_t until = clock_ns() + GIVE_NS;
	int r;
	while ((r = wire_send(sock, m, fds, MSG_DONTWAIT)) == -ETOOMANYREFS && clock_ns() < until)
		nanosleep(&(struct timespec){.tv_nsec = AGAIN_NS}, NULL);
	return r;
}

/* Whoever waits keeps its descriptors until it is answered, which takes the lock. */
void ask_give(uint32_t serial, int sock)
{
	pthread_mutex_lock(&asking.lock);
	const struct waiter *w = asking_find(serial);
	for (uint32_t given = 0; w && given < w->n_gives;) {
		uint32_t left = w->n_gives - given;
		const struct msg_hdr m = {.size = sizeof(m),
					  .nfds = (uint16_t)(left < MSG_FDS_MAX ? left
										: MSG_FDS_MAX)};
		if (give(sock, &m, &w->gives[given]) < 0)
			break; /* the hand finds out */
		given += m.nfds;
	}
	pthread_mutex_unlock(&asking.lock);
}
