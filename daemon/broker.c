/* SPDX-License-Identifier: MIT */
#include "broker.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>

#include "../nic/netlink.h"
#include "classes.h"
#include "client.h"
#include "identity.h"
#include "lease.h"
#include "log.h"
#include "session.h"
#include "util.h"

#define STOP_USEC     5000000ull
#define REST_USEC     1000000ull
#define REFUSALS_MOST 256u /* at once; beyond it they are closed on the spot */

static int process_exited(sd_event_source *source, int fd, uint32_t events, void *data)
{
	(void)fd;
	(void)events;
	peer_exited(data);
	sd_event_source_ref(source);
	sd_event_source_set_floating(source, false);
	sd_event_source_disable_unref(source);
	return 0;
}

/* The session is over. What its process may still hold stays charged until that exits. */
static void who_release(struct broker *b, struct client_identity *who)
{
	sd_event_source *source;
	account_release(who->peer, ACCOUNT_SESSIONS, 1);
	if (!peer_put(who->peer)) {
		fd_close(who->pidfd);
	} else if (sd_event_add_io(b->event, &source, who->pidfd, EPOLLIN, process_exited,
				   who->peer) < 0) {
		peer_exited(who->peer);
		fd_close(who->pidfd);
	} else {
		sd_event_source_set_io_fd_own(source, true);
		sd_event_source_set_floating(source, true);
		sd_event_source_unref(source);
	}
}

/* The class of who connected to this class's socket, or to the shared one (""). */
static const struct policy_class *class_get(const struct policy *policy, int sock,
					    struct client_identity *who)
{
	struct policy_identity is = {.socket = *who->socket ? who->socket : NULL};
	int r = identity_read(&is, &who->pid, sock);
	const struct policy_class *class = r < 0 ? NULL : policy_class_of(policy, &is);
	who->uid = is.uid;
	who->gid = is.gid;
	identity_done(&is);
	return class;
}

/* Charges the session, which is a request, too. Returns 0, -EACCES without a class, or -EDQUOT. */
static int who_charge(const struct policy *policy, int sock, struct client_identity *who)
{
	const struct policy_class *class = class_get(policy, sock, who);
	if (!class)
		return -EACCES;
	snprintf(who->class, sizeof(who->class), "%s", class->name);
	_cleanup_(fd_closep) int pidfd = identity_pidfd(sock);
	int r = pidfd < 0 ? pidfd
			  : peer_get(&who->peer, class->name, &class->limits, who->uid, pidfd);
	if (r < 0)
		return r;
	r = account_charge(who->peer, ACCOUNT_SESSIONS, 1);
	if (r == 0 && !account_request(who->peer, clock_ns())) {
		account_release(who->peer, ACCOUNT_SESSIONS, 1);
		r = -EDQUOT;
	}
	if (r < 0)
		peer_put(who->peer);
	else
		who->pidfd = fd_steal(&pidfd);
	return r;
}

/* Who connected: from the kernel, never from the client. */
static int who_get(int sock, const char *socket, struct client_identity *ret)
{
	struct classes *classes = classes_get();
	snprintf(ret->socket, sizeof(ret->socket), "%s", socket);
	int r = who_charge(classes_policy(classes), sock, ret);
	classes_put(classes);
	return r;
}

static uint32_t refusals; /* threads under way, atomic */

static void *refuse(void *data)
{
	uintptr_t order = (uintptr_t)data;
	int sock = (int)(order >> 8);
	session_refuse(sock, order & 0xff);
	close(sock);
	__atomic_sub_fetch(&refusals, 1, __ATOMIC_RELAXED);
	return NULL;
}

/*
 * Closing a connection drops what the client sent unasked, and a lingering socket among that makes
 * the close wait for as long as the client likes: so it is a thread of its own that waits.
 */
static void client_refuse(int sock, uint32_t reason)
{
	pthread_t thread;
	pthread_attr_t attributes;
	sigset_t all, old;
	sigfillset(&all);
	pthread_attr_init(&attributes);
	pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
	pthread_sigmask(SIG_BLOCK, &all, &old);
	__atomic_add_fetch(&refusals, 1, __ATOMIC_RELAXED);
	void *order = (void *)((uintptr_t)sock << 8 | reason);
	if (__atomic_load_n(&refusals, __ATOMIC_RELAXED) > REFUSALS_MOST ||
	    pthread_create(&thread, &attributes, refuse, order) != 0)
		refuse(order);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	pthread_attr_destroy(&attributes);
}

static uint32_t refusal_reason(int error)
{
	return error == -EDQUOT   ? REASON_QUOTA
	       : error == -EACCES ? REASON_DENIED
				  : REASON_DAEMON_LIMIT;
}

static void client_accepted(struct broker *b, int sock, const char *socket)
{
	struct client_identity who = {.pidfd = -1};
	struct client *c = NULL;
	int r = who_get(sock, socket, &who);
	if (r == 0) {
		r = client_start(&c, sock, ++b->next_id, &who, b->ended);
		if (r < 0)
			who_release(b, &who);
	}
	if (r < 0) {
		log_info("a client (uid %u, class %s) was refused: %s", (unsigned)who.uid,
			 *who.class ? who.class : "-", strerrordesc_np(-r));
		client_refuse(sock, refusal_reason(r));
		return;
	}
	TAILQ_INSERT_TAIL(&b->clients, c, link);
	log_debug("client %u: pid %d, uid %u, class %s", c->id, (int)who.pid, (unsigned)who.uid,
		  who.class);
}

static void listen_enable(struct broker *b, int enabled)
{
	struct class_socket *s;
	for (size_t i = 0; i < ARRAY_LENGTH(b->listening); i++)
		sd_event_source_set_enabled(b->listening[i], enabled);
	LIST_FOREACH (s, &b->listeners->classes, link)
		sd_event_source_set_enabled(s->source, enabled);
}

static int rest_over(sd_event_source *source, uint64_t usec, void *data)
{
	struct broker *b = data;
	(void)source;
	(void)usec;
	if (b->spare < 0)
		b->spare = eventfd(0, EFD_CLOEXEC);
	listen_enable(b, SD_EVENT_ON);
	return 0;
}

/* Who cannot be accepted stays there; without a rest the listeners would be looked at all the time.
 */
static void rest(struct broker *b)
{
	log_warn("out of file descriptors or memory; raise LimitNOFILE of zcrxd.service");
	listen_enable(b, SD_EVENT_OFF);
	sd_event_source_set_time_relative(b->rest, REST_USEC);
	sd_event_source_set_enabled(b->rest, SD_EVENT_ONESHOT);
}

static bool exhausted(int error)
{
	return error == EMFILE || error == ENFILE || error == ENOMEM || error == ENOBUFS;
}

/* There is no descriptor left for a client; with the spare one it can at least be told so. */
static void spare_use(struct broker *b, int listener)
{
	b->spare = fd_close(b->spare);
	int sock = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
	if (sock >= 0)
		client_refuse(sock, REASON_DAEMON_LIMIT);
	rest(b);
}

/* "" for the shared one. */
static const char *socket_class(const struct broker *b, int listener)
{
	const struct class_socket *s;
	LIST_FOREACH (s, &b->listeners->classes, link)
		if (s->fd == listener)
			return s->class;
	return "";
}

static int clients_ready(sd_event_source *source, int fd, uint32_t events, void *data)
{
	struct broker *b = data;
	(void)source;
	(void)events;
	int sock = accept4(fd, NULL, NULL, SOCK_CLOEXEC);
	if (sock >= 0 && b->stopping)
		client_refuse(sock, REASON_SHUTDOWN);
	else if (sock >= 0)
		client_accepted(b, sock, socket_class(b, fd));
	else if (exhausted(errno))
		spare_use(b, fd);
	return 0;
}

static int ended_ready(sd_event_source *source, int fd, uint32_t events, void *data)
{
	struct broker *b = data;
	eventfd_t count;
	struct client *c, *next;
	(void)source;
	(void)events;
	eventfd_read(fd, &count);
	for (c = TAILQ_FIRST(&b->clients); c; c = next) {
		next = TAILQ_NEXT(c, link);
		if (!__atomic_load_n(&c->has_ended, __ATOMIC_ACQUIRE))
			continue;
		TAILQ_REMOVE(&b->clients, c, link);
		struct client_identity who = c->who;
		client_free(c);
		who_release(b, &who);
	}
	if (b->stopping && TAILQ_EMPTY(&b->clients))
		sd_event_exit(b->event, 0);
	return 0;
}

static int status_ready(sd_event_source *source, int fd, uint32_t events, void *data)
{
	struct broker *b = data;
	(void)source;
	(void)events;
	if (exhausted(-status_accept(&b->status, fd)))
		rest(b);
	return 0;
}

static int nics_changed(sd_event_source *source, int fd, uint32_t events, void *data)
{
	struct broker *b = data;
	struct client *c;
	bool any = false;
	(void)source;
	(void)fd;
	(void)events;
	for (size_t i = 0; i < ARRAY_LENGTH(b->watches); i++)
		any |= b->watches[i] && netlink_drain(b->watches[i]);
	if (!any)
		return 0;
	leases_look();
	TAILQ_FOREACH (c, &b->clients, link)
		client_check_nics(c);
	return 0;
}

/* Without NICs there is nothing to watch; without these groups NICs are not watched. */
static void watch_nics(struct broker *b)
{
	if (netlink_listen(&b->watches[0], NULL, NULL) < 0 ||
	    netlink_listen(&b->watches[1], "ethtool", "monitor") < 0)
		log_warn("changes of network interfaces cannot be watched");
	for (size_t i = 0; i < ARRAY_LENGTH(b->watches); i++)
		if (b->watches[i])
			sd_event_add_io(b->event, NULL, netlink_fd(b->watches[i]), EPOLLIN,
					nics_changed, b);
}

static int listen_to_classes(struct broker *b)
{
	struct class_socket *s;
	int r = 0;
	LIST_FOREACH (s, &b->listeners->classes, link)
		if (!s->source && r >= 0)
			r = sd_event_add_io(b->event, &s->source, s->fd, EPOLLIN, clients_ready, b);
	return r;
}

static int listen_to(struct broker *b, const struct listeners *l)
{
	int r = sd_event_add_io(b->event, &b->listening[0], l->clients, EPOLLIN, clients_ready, b);
	if (r >= 0)
		r = sd_event_add_io(b->event, &b->listening[1], l->status, EPOLLIN, status_ready,
				    b);
	if (r >= 0)
		r = sd_event_add_time(b->event, &b->rest, CLOCK_MONOTONIC, 0, 0, rest_over, b);
	if (r >= 0)
		r = sd_event_source_set_enabled(b->rest, SD_EVENT_OFF);
	return r < 0 ? r : listen_to_classes(b);
}

int broker_init(struct broker *b, sd_event *event, struct listeners *l, struct policy *policy)
{
	*b = (struct broker){.event = event, .listeners = l};
	TAILQ_INIT(&b->clients);
	status_init(&b->status, event, &b->clients);
	if (classes_set(policy) < 0)
		return -ENOMEM;
	b->ended = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	b->spare = eventfd(0, EFD_CLOEXEC);
	if (b->ended < 0 || b->spare < 0)
		return -errno;
	int r = sd_event_add_io(event, NULL, b->ended, EPOLLIN, ended_ready, b);
	if (r >= 0)
		r = listen_to(b, l);
	if (r >= 0 && leases_any())
		watch_nics(b);
	return r < 0 ? r : 0;
}

int broker_reload(struct broker *b, struct config *config)
{
	int r = b->stopping ? -ESHUTDOWN : listeners_add(b->listeners, config);
	if (r < 0)
		return r;
	listeners_drop(b->listeners, config);
	r = classes_set(&config->policy);
	if (r == 0)
		r = listen_to_classes(b);
	return r;
}

static int time_is_up(sd_event_source *source, uint64_t usec, void *data)
{
	struct broker *b = data;
	(void)source;
	(void)usec;
	return sd_event_exit(b->event, 0);
}

void broker_stop(struct broker *b)
{
	struct client *c;
	if (b->stopping)
		return;
	b->stopping = true;
	TAILQ_FOREACH (c, &b->clients, link)
		client_stop(c);
	if (TAILQ_EMPTY(&b->clients))
		sd_event_exit(b->event, 0);
	else
		sd_event_add_time_relative(b->event, NULL, CLOCK_MONOTONIC, STOP_USEC, 0,
					   time_is_up, b);
}

bool broker_done(struct broker *b)
{
	struct client *c;
	TAILQ_FOREACH (c, &b->clients, link)
		log_warn("client %u (pid %d) did not end: one of its sockets is stuck", c->id,
			 (int)c->who.pid);
	if (!TAILQ_EMPTY(&b->clients))
		return false;
	account_done();
	classes_done();
	for (size_t i = 0; i < ARRAY_LENGTH(b->listening); i++)
		sd_event_source_disable_unref(b->listening[i]);
	sd_event_source_disable_unref(b->rest);
	for (size_t i = 0; i < ARRAY_LENGTH(b->watches); i++)
		b->watches[i] = netlink_close(b->watches[i]);
	b->spare = fd_close(b->spare);
	b->ended = fd_close(b->ended);
	return true;
}
