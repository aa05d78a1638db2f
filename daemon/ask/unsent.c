/* SPDX-License-Identifier: MIT */
/*
 * Messages for which the link had no room, since the broker is stopped, say, or the kernel no
 * memory. Nobody waits until that is over: they are sent by the first thread, in their order.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <time.h>

#include "daemon/ask/ask.h"
#include "daemon/ask/asking.h"
#include "proto/wire.h"

#define UNSENT_MAX 1024u

struct unsent {
	STAILQ_ENTRY(unsent) link;
	union link_any m; /* its first m.hdr.size bytes */
};

static STAILQ_HEAD(, unsent) all = STAILQ_HEAD_INITIALIZER(all);
static uint32_t n;
static int news = -1;

static bool has_no_memory(int error)
{
	return error == -ENOBUFS || error == -ENOMEM;
}

/* After any other error the link is of no use. */
static bool may_go_later(int error)
{
	return error == -EAGAIN || has_no_memory(error);
}

static int send_now(const struct msg_hdr *m)
{
	return wire_send(asking.link, m, NULL, MSG_DONTWAIT);
}

static int add(const struct msg_hdr *m)
{
	size_t bytes = offsetof(struct unsent, m) + m->size;
	struct unsent *u = n < UNSENT_MAX ? malloc(bytes) : NULL;
	if (!u)
		return -ENOMEM;
	memcpy(&u->m, m, m->size);
	STAILQ_INSERT_TAIL(&all, u, link);
	if (n++ == 0)
		eventfd_write(news, 1);
	return 0;
}

static void first_free(void)
{
	struct unsent *u = STAILQ_FIRST(&all);
	STAILQ_REMOVE_HEAD(&all, link);
	n--;
	free(u);
}

int unsent_or_send(const struct msg_hdr *m)
{
	int r = n > 0 ? -EAGAIN : send_now(m);
	return may_go_later(r) ? add(m) : r;
}

bool unsent_any(void)
{
	return n > 0;
}

void unsent_drop(void)
{
	while (n > 0)
		first_free();
}

int ask_unsent_open(void)
{
	news = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	return news;
}

bool ask_has_unsent(void)
{
	eventfd_t count;
	eventfd_read(news, &count);
	pthread_mutex_lock(&asking.lock);
	bool has = n > 0;
	pthread_mutex_unlock(&asking.lock);
	return has;
}

void ask_send_unsent(void)
{
	int r = 0;
	pthread_mutex_lock(&asking.lock);
	while (n > 0 && !may_go_later(r = send_now(&STAILQ_FIRST(&all)->m.hdr)))
		first_free();
	if (n == 0) {
		asking_tell_owed();
		owed_send();
	}
	pthread_mutex_unlock(&asking.lock);
	if (has_no_memory(r)) /* the link has room, and would call this again at once */
		nanosleep(&(struct timespec){.tv_nsec = AGAIN_NS}, NULL);
}
