/* SPDX-License-Identifier: MIT */
#include "daemon/broker/serve.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fd.h"
#include "daemon/broker/serve_lease.h"
#include "daemon/grant/account.h"
#include "daemon/grant/classes.h"
#include "daemon/grant/files.h"
#include "daemon/grant/flight_reader.h"
#include "daemon/grant/hosted.h"
#include "daemon/grant/log_client.h"
#include "daemon/grant/udmabuf.h"
#include "proto/wire.h"

#define HAVE_MOST   (1ull << 48) /* of a kind: what is more would overflow sums */
#define FLIGHT_MOST 1024u

/* A dma-buf that was made for the client. */
struct held_kept {
	LIST_ENTRY(held_kept) link;
	uint32_t id;
	struct kept *kept;
};

void serve_reply(struct pump *p, union link_any *m, const struct msg_hdr *request, int error,
		 int fd)
{
	m->hdr = (struct msg_hdr){.size = link_reply_bytes(request->type),
				  .type = request->type,
				  .serial = request->serial,
				  .error = error,
				  .nfds = error == 0 && fd >= 0};
	/* A pump that reads no replies waits for none: it ends with its client. */
	(void)wire_send(p->sock, &m->hdr, &fd, MSG_DONTWAIT);
}

/* What a pump is charged by kind. A session is the broker's to charge, and files have their own. */
static bool is_amount(const struct link_amount *m)
{
	return m->kind < ACCOUNT_KINDS && m->kind != ACCOUNT_SESSIONS && m->kind != ACCOUNT_FILES;
}

static int charge(struct pump *p, const struct link_amount *m)
{
	if (!is_amount(m))
		return -EINVAL;
	int r = files_account(p->who.user, m->kind, m->n);
	p->charged[m->kind] += r == 0 ? m->n : 0;
	return r;
}

static void release(struct pump *p, const struct link_amount *m)
{
	if (!is_amount(m) || m->n > p->charged[m->kind])
		return pump_break(p, "releases more than it was charged");
	p->charged[m->kind] -= m->n;
	account_release(p->who.user, m->kind, m->n);
}

/* What the broker before had charged it, whatever the limits are now. */
static void have(struct pump *p, const struct link_have *m)
{
	if (!p->taken)
		return pump_break(p, "says again what it has");
	p->taken = false;
	for (uint32_t kind = 0; kind < ACCOUNT_KINDS; kind++) {
		struct link_amount amount = {.kind = kind, .n = m->amounts[kind]};
		if (!is_amount(&amount) || amount.n > HAVE_MOST)
			continue;
		p->charged[kind] = amount.n;
		account_take(p->who.user, kind, amount.n);
	}
	p->in_flight = m->in_flight < FLIGHT_MOST ? m->in_flight : FLIGHT_MOST;
	flight_reader_take(p->reader, p->in_flight);
}

/* So many of those that were asked for as are within the rate. */
static uint32_t requests(struct pump *p, uint32_t n)
{
	uint32_t within = 0;
	uint64_t now = clock_ns();
	while (within < n && within < 32 && account_request(p->who.user, now))
		within++;
	return within;
}

static int flight(struct pump *p, uint32_t n)
{
	if (!flight_reader_charge(p->reader, n))
		return -EBUSY;
	p->in_flight += n;
	return 0;
}

static void landed(struct pump *p, uint32_t n)
{
	if (n > p->in_flight)
		return pump_break(p, "lands more than it sent");
	p->in_flight -= n;
	flight_reader_release(p->reader, n);
}

/* Only a memfd: what else it is, looking at it may wait for whoever made it. */
static int file(struct pump *p, int fd, uint64_t bytes)
{
	return fcntl(fd, F_GET_SEALS) < 0 ? -EINVAL : files_charge(p->who.user, fd, bytes);
}

/* The file is the pump's, which could have done the same before its sandbox. */
static void readonly(struct pump *p, const union link_any *m, int fd)
{
	union link_any reply = {0};
	_cleanup_(fd_closep) int copy = fcntl(fd, F_GET_SEALS) < 0 ? -EINVAL : files_readonly(fd);
	serve_reply(p, &reply, &m->hdr, copy < 0 ? copy : 0, copy);
}

static void log_line(const struct pump *p, struct link_log *m)
{
	if (m->cause >= LOG_CAUSES || m->priority > 7)
		return;
	m->line[sizeof(m->line) - 1] = '\0';
	log_client((int)m->priority, p->who.uid, p->who.class, m->cause, "%s", m->line);
}

static void host(struct pump *p, const struct link_host *m)
{
	struct classes *classes;
	const struct policy_class *class = pump_class(p, &classes);
	const struct policy_request ask = {.what = POLICY_FLOW,
					   .listening = m->flags & MSG_FLOW_LISTEN,
					   .receive_only = m->flags & MSG_FLOW_RECEIVE_ONLY,
					   .local = m->local,
					   .remote = m->remote};
	struct policy_verdict v = policy_judge(class, &ask);
	union link_any reply = {.re_HOST = {.reason = v.reason}};
	const struct msg_flow_host wish = {.flags = m->flags,
					   .backlog = m->backlog,
					   .local = m->local,
					   .remote = m->remote};
	_cleanup_(fd_closep) int fd = v.reason ? -EACCES : hosted_open(&wish, m->towards);
	if (v.reason)
		strncat(reply.re_HOST.text, v.why, sizeof(reply.re_HOST.text) - 1);
	classes_put(classes);
	serve_reply(p, &reply, &m->hdr, fd < 0 ? fd : 0, fd);
}

/* ---- dma-bufs ---- */

static void keep(struct pump *p, struct held_kept *k)
{
	pthread_mutex_lock(&p->lock);
	LIST_REMOVE(k, link);
	pthread_mutex_unlock(&p->lock);
	if (p->charged[ACCOUNT_AREAS] > 0) {
		p->charged[ACCOUNT_AREAS]--; /* goes with it */
		files_keep(k->kept);
	}
	free(k);
}

static void keep_id(struct pump *p, uint32_t id)
{
	struct held_kept *k;
	LIST_FOREACH (k, &p->kept, link)
		if (k->id == id)
			return keep(p, k);
	pump_break(p, "keeps what it has not");
}

static uint64_t kept_count(struct pump *p)
{
	const struct held_kept *k;
	uint64_t n = 0;
	pthread_mutex_lock(&p->lock);
	LIST_FOREACH (k, &p->kept, link)
		n++;
	pthread_mutex_unlock(&p->lock);
	return n;
}

/* On the pump's own thread. */
static int udmabuf(struct pump *p, const struct job *j, union link_any *reply)
{
	struct classes *classes;
	bool may = pump_class(p, &classes)->udmabuf;
	struct held_kept *k = calloc(1, sizeof(*k));
	static uint32_t last_id;
	classes_put(classes);
	int r = !k ? -ENOMEM : !may ? -EACCES : fcntl(j->fds[0], F_GET_SEALS) < 0 ? -EINVAL : 0;
	/* An area was charged for each, and the memory that becomes pinned. */
	if (r == 0 &&
	    kept_count(p) >= __atomic_load_n(&p->charged[ACCOUNT_AREAS], __ATOMIC_RELAXED))
		r = -EDQUOT;
	if (r == 0)
		r = files_charge(p->who.user, j->fds[0], j->m.as_UDMABUF.bytes);
	int dmabuf = r < 0 ? r : udmabuf_new(j->fds[0], j->m.as_UDMABUF.bytes);
	_cleanup_(fd_closep) int memfd = dmabuf < 0 ? -1 : fcntl(j->fds[0], F_DUPFD_CLOEXEC, 0);
	r = dmabuf < 0 ? dmabuf : memfd < 0 ? -errno : 0;
	if (r == 0)
		r = files_keep_later(&k->kept, p->who.user, memfd, dmabuf);
	if (r < 0) {
		fd_close(dmabuf);
		free(k);
		return r;
	}
	fd_steal(&memfd);
	k->id = reply->re_UDMABUF.id = __atomic_add_fetch(&last_id, 1, __ATOMIC_RELAXED);
	pthread_mutex_lock(&p->lock);
	LIST_INSERT_HEAD(&p->kept, k, link);
	pthread_mutex_unlock(&p->lock);
	return dmabuf;
}

/* ---- all of it ---- */

static void ask(struct pump *p, const union link_any *m, const int *fds)
{
	union link_any reply = {0};
	int r = -EBADMSG;
	switch ((int)m->hdr.type) {
	case LINK_CHARGE:
		r = charge(p, &m->as_CHARGE);
		break;
	case LINK_REQUESTS:
		reply.re_REQUESTS.n = requests(p, m->as_REQUESTS.n);
		r = 0;
		break;
	case LINK_FILE:
		r = file(p, fds[0], m->as_FILE.bytes);
		break;
	case LINK_FLIGHT:
		r = flight(p, m->as_FLIGHT.n);
		break;
	default:
		break;
	}
	serve_reply(p, &reply, &m->hdr, r, -1);
}

void serve_message(struct pump *p, const union link_any *m, int *fds, uint32_t nfds)
{
	(void)nfds;
	switch ((int)m->hdr.type) {
	case LINK_RELEASE:
		return release(p, &m->as_RELEASE);
	case LINK_LANDED:
		return landed(p, m->as_LANDED.n);
	case LINK_LOG: {
		struct link_log copy = m->as_LOG;
		return log_line(p, &copy);
	}
	case LINK_HAVE:
		return have(p, &m->as_HAVE);
	case LINK_HAVE_FILE:
		if (p->taken)
			file(p, fds[0], m->as_HAVE_FILE.bytes);
		return;
	case LINK_OVER:
		p->over = true;
		return;
	case LINK_HOST:
		return host(p, &m->as_HOST);
	case LINK_READONLY:
		return readonly(p, m, fds[0]);
	case LINK_KEEP:
		return keep_id(p, m->as_KEEP.id);
	default:
		return ask(p, m, fds);
	}
}

void serve_job(struct pump *p, struct job *j)
{
	union link_any reply = {0};
	int r, fd = -1;
	switch ((int)j->m.hdr.type) {
	case LINK_UDMABUF:
		r = udmabuf(p, j, &reply);
		serve_reply(p, &reply, &j->m.hdr, r < 0 ? r : 0, r); /* the descriptor is kept */
		return;
	default:
		r = serve_lease_job(p, j, &reply, &fd);
	}
	serve_reply(p, &reply, &j->m.hdr, r, fd);
	fd_close(fd);
}

void serve_release(struct pump *p)
{
	while (!LIST_EMPTY(&p->kept))
		keep(p, LIST_FIRST(&p->kept));
	for (int kind = 0; kind < ACCOUNT_KINDS; kind++)
		account_release(p->who.user, kind, p->charged[kind]);
	flight_reader_release(p->reader, p->in_flight);
}
