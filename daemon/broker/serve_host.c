/* SPDX-License-Identifier: MIT */
#include "daemon/broker/serve_host.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>

#include "base/fd.h"
#include "daemon/broker/serve.h"
#include "daemon/grant/classes.h"
#include "daemon/grant/files.h"
#include "daemon/grant/hosted.h"
#include "proto/addr.h"

/* A socket that is to be connected. Nobody else has it until it is. */
struct held_host {
	LIST_ENTRY(held_host) link;
	struct pump *pump;
	uint32_t id;
	struct hosted *hosted;
	struct msg_hdr request; /* HOST_CONNECT, which is answered when it is connected */
	sd_event_source *io;    /* it is being connected; or NULL */
};

static struct held_host *host_find(const struct pump *p, uint32_t id)
{
	struct held_host *h;
	LIST_FOREACH (h, &p->hosts, link)
		if (h->id == id)
			return h;
	return NULL;
}

static void host_drop(struct held_host *h)
{
	LIST_REMOVE(h, link);
	sd_event_source_disable_unref(h->io);
	hosted_free(h->hosted);
	free(h);
}

static struct msg_flow_host wish_of(const struct link_host *m)
{
	return (struct msg_flow_host){.flags = m->flags,
				      .backlog = m->backlog,
				      .local = m->local,
				      .remote = m->remote};
}

/* The pump has asked the class before and told its client why not; so the error is enough here. */
static int judge(const struct pump *p, const struct link_host *m, bool listening)
{
	struct classes *classes;
	const struct policy_request ask = {.what = POLICY_FLOW,
					   .listening = listening,
					   .receive_only = m->flags & MSG_FLOW_RECEIVE_ONLY,
					   .local = m->local,
					   .remote = m->remote};
	uint32_t reason = policy_judge(pump_class(p, &classes), &ask).reason;
	classes_put(classes);
	return reason ? -EACCES : 0;
}

/*
 * There is one socket for each flow that is charged, and a listening one for each listener. What a
 * pump says that it has given back it may have still, or its client: so sockets are counted for the
 * user as well, until nobody has them (files_host()).
 */
static int count(struct pump *p, bool listening)
{
	if (p->hosted[ACCOUNT_FLOWS] >= p->charged[ACCOUNT_FLOWS] ||
	    (listening && p->hosted[ACCOUNT_LISTENERS] >= p->charged[ACCOUNT_LISTENERS]))
		return -EDQUOT;
	p->hosted[ACCOUNT_FLOWS]++;
	p->hosted[ACCOUNT_LISTENERS] += listening;
	return 0;
}

/* The broker's descriptors: a pump can give a charge back while the broker has the socket. */
static bool has_as_many_as_flows(const struct pump *p)
{
	const struct held_host *h;
	uint64_t n = 0;
	LIST_FOREACH (h, &p->hosts, link)
		n++;
	return n >= p->charged[ACCOUNT_FLOWS];
}

int on_host_listen(struct pump *p, const struct link_host *m, struct served *s)
{
	const struct msg_flow_host wish = wish_of(m);
	int r = judge(p, m, true);
	if (r == 0)
		r = count(p, true);
	int sock = r < 0 ? r : hosted_listen(&wish, p->who.user);
	if (sock < 0)
		return sock;
	s->fds[0] = sock;
	s->nfds = 1;
	return 0;
}

int on_host_open(struct pump *p, const struct link_host *m, struct served *s)
{
	const struct msg_flow_host wish = wish_of(m);
	uint32_t events;
	bool makes_sense = m->id != 0 && addr_reaches(&m->local, &m->remote);
	int r = !makes_sense || host_find(p, m->id) ? -EINVAL : judge(p, m, false);
	if (r == 0)
		r = has_as_many_as_flows(p) ? -EDQUOT : count(p, false);
	struct held_host *h = r < 0 ? NULL : calloc(1, sizeof(*h));
	if (!h)
		return r < 0 ? r : -ENOMEM;
	*h = (struct held_host){.pump = p, .id = m->id};
	r = hosted_open(&h->hosted, &wish, m->towards);
	if (r == 0)
		r = files_host(p->who.user, hosted_waits_for(h->hosted, &events), false);
	if (r < 0) {
		hosted_free(h->hosted);
		free(h);
		return r;
	}
	s->reply.re_HOST_OPEN.local = *hosted_local(h->hosted);
	LIST_INSERT_HEAD(&p->hosts, h, link);
	return 0;
}

static int connected(sd_event_source *source, int fd, uint32_t events, void *data)
{
	struct held_host *h = data;
	(void)source;
	(void)fd;
	(void)events;
	int sock = hosted_connect(h->hosted);
	if (sock == -EINPROGRESS)
		return 0;
	/* The loop lets go of the socket before it is closed here: the pump has it then, so the
	 * close alone would not end the source. */
	h->io = sd_event_source_disable_unref(h->io);
	struct served s = {.fds = {sock}, .nfds = sock >= 0};
	served_send(h->pump, &s, &h->request, sock < 0 ? sock : 0);
	host_drop(h);
	return 0;
}

/* How long it may take is the pump's to say (HOST_END); the kernel gives up what nobody answers. */
int on_host_connect(struct pump *p, const struct link_id *m, struct served *s)
{
	struct held_host *h = host_find(p, m->id);
	uint32_t events;
	if (!h || h->io)
		return -ENOENT;
	int r = hosted_connect(h->hosted);
	if (r == -EINPROGRESS) {
		int fd = hosted_waits_for(h->hosted, &events);
		h->request = m->hdr;
		r = sd_event_add_io(sd_event_source_get_event(p->io), &h->io, fd, events, connected,
				    h);
		if (r >= 0)
			return SERVED_LATER;
	} else {
		s->fds[0] = r;
		s->nfds = r >= 0;
	}
	host_drop(h);
	return r < 0 ? r : 0;
}

void on_host_end(struct pump *p, const struct link_id *m)
{
	struct held_host *h = host_find(p, m->id);
	if (h) /* else it was connected just now, or the broker before had it */
		host_drop(h);
}

int serve_host_facts(struct pump *p, uint32_t id, struct socket_facts *ret)
{
	const struct held_host *h = host_find(p, id);
	return h ? hosted_facts(h->hosted, ret) : -ENOENT;
}

void serve_host_end_all(struct pump *p)
{
	while (!LIST_EMPTY(&p->hosts))
		host_drop(LIST_FIRST(&p->hosts));
}
