/* SPDX-License-Identifier: MIT */
/* Sockets that the broker opens. Until one is connected the broker has it, and the pump its number.
 */
#include "daemon/grant/hosted.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>

#include "base/fd.h"
#include "daemon/ask/ask.h"
#include "daemon/ask/hosted.h"

struct hosted {
	uint32_t id;
	struct msg_addr local;
	struct ask_later *connecting; /* the request to connect; NULL: not made yet */
	int news;                     /* eventfd: that request was answered */
	bool over;                    /* the broker does not have the socket any more */
};

static struct link_host wish_of(const struct msg_flow_host *m)
{
	return (struct link_host){.flags = m->flags,
				  .backlog = m->backlog,
				  .local = m->local,
				  .remote = m->remote};
}

int hosted_listen(const struct msg_flow_host *m, struct user *u)
{
	(void)u;
	union link_any l = {.as_HOST_LISTEN = wish_of(m)};
	int fd, r = ask(&l, LINK_HOST_LISTEN, NULL, &fd);
	return r < 0 ? r : fd;
}

int hosted_open(struct hosted **ret, const struct msg_flow_host *m, bool towards)
{
	static uint32_t last_id;
	union link_any l = {.as_HOST_OPEN = wish_of(m)};
	struct hosted *h = calloc(1, sizeof(*h));
	if (!h)
		return -ENOMEM;
	h->news = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	h->id = l.as_HOST_OPEN.id = __atomic_add_fetch(&last_id, 1, __ATOMIC_RELAXED);
	l.as_HOST_OPEN.towards = towards;
	int r = h->news < 0 ? -errno : ask(&l, LINK_HOST_OPEN, NULL, NULL);
	if (r < 0) {
		fd_close(h->news);
		free(h);
		return r;
	}
	h->local = l.re_HOST_OPEN.local;
	*ret = h;
	return 0;
}

const struct msg_addr *hosted_local(const struct hosted *h)
{
	return &h->local;
}

uint32_t ask_hosted_id(const struct hosted *h)
{
	return h->id;
}

/* The socket ended with the broker that had it: there is none, or another one that says ENOENT. */
static int lost(int error)
{
	return error == -EPIPE || error == -ENOENT ? -ECONNABORTED : error;
}

int hosted_connect(struct hosted *h)
{
	union link_any l = {.as_HOST_CONNECT = {.id = h->id}};
	int sock = -1;
	if (!h->connecting) {
		int r = ask_later(&h->connecting, &l, LINK_HOST_CONNECT, h->news);
		return r < 0 ? lost(r) : -EINPROGRESS;
	}
	int r = ask_look(h->connecting, &sock);
	h->over = r != -EINPROGRESS;
	return r < 0 ? lost(r) : sock;
}

int hosted_waits_for(const struct hosted *h, uint32_t *ret_events)
{
	*ret_events = EPOLLIN;
	return h->news;
}

struct hosted *hosted_free(struct hosted *h)
{
	union link_any l = {.as_HOST_END = {.id = h ? h->id : 0}};
	if (!h)
		return NULL;
	ask_forget(h->connecting);
	if (!h->over)
		ask_tell(&l, LINK_HOST_END);
	fd_close(h->news);
	free(h);
	return NULL;
}
