/* SPDX-License-Identifier: MIT */
/*
 * Asks the kernel's sock_diag. A request is one struct, for which libnl would be no help.
 */
#include "nic/others.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/inet_diag.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <linux/sock_diag.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <string.h>
#include <sys/socket.h>

#include "base/fd.h"

/*
 * The kernel's TCP states (include/net/tcp_states.h) but for TIME_WAIT and CLOSE, in which no
 * payload comes. A bound socket that is not connected has the last state, from Linux 6.8 on.
 */
enum {
	STATE_TIME_WAIT = 6,
	STATE_CLOSE = 7,
	STATE_LISTEN = 10,
	STATE_BOUND = 13,
	STATES = (1 << (STATE_BOUND + 1)) - 2 - (1 << STATE_TIME_WAIT | 1 << STATE_CLOSE)
};

/* Local addresses: all, or one, of the families. */
struct locals {
	bool v4, v6, all;
	uint8_t ip[16]; /* if not all: as in struct nic_rule */
};

struct search {
	uint16_t port;
	bool (*is_it)(const struct search *s, struct nlmsghdr *h);
	const struct nic_socket *socket;
	uid_t uid;            /* for is_of_another() */
	struct locals locals; /* for is_of_another() */
	bool found, done;
	int error;
};

static uint64_t cookie_of(const struct inet_diag_msg *sock)
{
	return (uint64_t)sock->id.idiag_cookie[1] << 32 | sock->id.idiag_cookie[0];
}

static const uint8_t zeros[16], mapped[12] = {[10] = 0xff, [11] = 0xff};

static struct locals locals_of_rule(const struct nic_rule *rule)
{
	struct locals l = {.v4 = rule->family != AF_INET6,
			   .v6 = rule->family != AF_INET,
			   .all = memcmp(rule->local, zeros, sizeof(zeros)) == 0};
	memcpy(l.ip, rule->local, sizeof(l.ip));
	return l;
}

/* Told of IPv6 sockets that are not connected. */
static bool is_v6only(struct nlmsghdr *h)
{
	struct inet_diag_msg *sock = NLMSG_DATA(h);
	int left = (int)(h->nlmsg_len - NLMSG_LENGTH(sizeof(*sock)));
	for (struct rtattr *a = (struct rtattr *)(sock + 1); RTA_OK(a, left); a = RTA_NEXT(a, left))
		if (a->rta_type == INET_DIAG_SKV6ONLY && RTA_PAYLOAD(a) >= 1)
			return *(uint8_t *)RTA_DATA(a);
	return false;
}

static struct locals locals_of_socket(struct nlmsghdr *h)
{
	const struct inet_diag_msg *sock = NLMSG_DATA(h);
	const uint8_t *ip = (const uint8_t *)sock->id.idiag_src;
	bool is_v6 = sock->idiag_family == AF_INET6;
	bool is_mapped = is_v6 && memcmp(ip, mapped, sizeof(mapped)) == 0;
	struct locals l = {.v4 = !is_v6 || is_mapped, .v6 = is_v6 && !is_mapped};
	memcpy(l.ip, is_mapped ? ip + sizeof(mapped) : ip, l.v4 ? 4 : 16);
	l.all = memcmp(l.ip, zeros, sizeof(zeros)) == 0;
	l.v4 |= l.all && !is_v6only(h);
	return l;
}

static bool overlap(const struct locals *a, const struct locals *b)
{
	bool both_v4 = a->v4 && b->v4, both_v6 = a->v6 && b->v6;
	return (both_v4 || both_v6) &&
	       (a->all || b->all || memcmp(a->ip, b->ip, both_v4 ? 4 : 16) == 0);
}

static bool is_of_another(const struct search *s, struct nlmsghdr *h)
{
	const struct inet_diag_msg *sock = NLMSG_DATA(h);
	struct locals its = locals_of_socket(h);
	return sock->idiag_uid != s->uid && cookie_of(sock) != s->socket->cookie &&
	       overlap(&s->locals, &its);
}

static bool is_same(const struct search *s, struct nlmsghdr *h)
{
	const struct inet_diag_msg *sock = NLMSG_DATA(h);
	return cookie_of(sock) == s->socket->cookie && sock->idiag_uid == s->socket->uid &&
	       sock->id.idiag_if == s->socket->ifindex;
}

static void reply_take(struct search *s, struct nlmsghdr *h)
{
	const struct inet_diag_msg *sock = NLMSG_DATA(h);
	const int *error = NLMSG_DATA(h);
	bool is_end = h->nlmsg_type == NLMSG_DONE || h->nlmsg_type == NLMSG_ERROR;
	if (is_end) {
		s->done = true;
		s->error = h->nlmsg_len >= NLMSG_LENGTH(sizeof(*error)) && *error < 0 ? *error : 0;
	} else if (h->nlmsg_len >= NLMSG_LENGTH(sizeof(*sock)) &&
		   ntohs(sock->id.idiag_sport) == s->port && s->is_it(s, h)) {
		s->found = true;
	}
}

static int replies_take(struct search *s, int nl)
{
	union {
		struct nlmsghdr first;
		char bytes[16384];
	} room;
	ssize_t n = recv(nl, &room, sizeof(room), 0);
	if (n <= 0)
		return n < 0 ? -errno : -EPROTO;
	unsigned left = (unsigned)n;
	for (struct nlmsghdr *h = &room.first; NLMSG_OK(h, left); h = NLMSG_NEXT(h, left))
		reply_take(s, h);
	return s->error;
}

struct request {
	struct nlmsghdr header;
	struct inet_diag_req_v2 request;
};

static int request_send(int nl, struct request *m, uint16_t flags)
{
	m->header = (struct nlmsghdr){.nlmsg_len = sizeof(*m),
				      .nlmsg_type = SOCK_DIAG_BY_FAMILY,
				      .nlmsg_flags = NLM_F_REQUEST | flags};
	m->request.sdiag_protocol = IPPROTO_TCP;
	return send(nl, m, sizeof(*m), 0) < 0 ? -errno : 0;
}

static int dump(struct search *s, int nl, uint8_t family, uint32_t states)
{
	struct request m = {.request = {.sdiag_family = family,
					.idiag_states = states,
					.id = {.idiag_sport = htons(s->port)}}};
	int r = request_send(nl, &m, NLM_F_DUMP);
	for (s->done = false; r == 0 && !s->done;)
		r = replies_take(s, nl);
	return r;
}

int nic_sockets_open(void)
{
	int nl = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_SOCK_DIAG);
	return nl < 0 ? -errno : nl;
}

int nic_port_of_others(const struct nic_rule *rule, uid_t uid)
{
	struct search s = {.port = rule->local_port,
			   .is_it = is_of_another,
			   .socket = &rule->socket,
			   .uid = uid,
			   .locals = locals_of_rule(rule)};
	_cleanup_(fd_closep) int nl = nic_sockets_open();
	int r = nl < 0 ? nl : dump(&s, nl, AF_INET, STATES);
	if (r == 0)
		r = dump(&s, nl, AF_INET6, STATES);
	return r < 0 ? r : s.found;
}

/* The kernel looks a connection up by its addresses, however many there are. */
static int connection_find(struct search *s, int nl, const struct nic_rule *rule)
{
	struct request m = {
		.request = {.sdiag_family = (uint8_t)rule->family,
			    .idiag_states = UINT32_MAX,
			    .id = {.idiag_sport = htons(rule->local_port),
				   .idiag_dport = htons(rule->remote_port),
				   .idiag_if = rule->socket.ifindex,
				   .idiag_cookie = {INET_DIAG_NOCOOKIE, INET_DIAG_NOCOOKIE}}}};
	memcpy(m.request.id.idiag_src, rule->local, sizeof(rule->local));
	memcpy(m.request.id.idiag_dst, rule->remote, sizeof(rule->remote));
	int r = request_send(nl, &m, 0);
	return r < 0 ? r : replies_take(s, nl);
}

int nic_socket_stands(int nl, const struct nic_rule *rule)
{
	struct search s = {.port = rule->local_port, .is_it = is_same, .socket = &rule->socket};
	int r = rule->remote_port ? connection_find(&s, nl, rule)
				  : dump(&s, nl, AF_INET, 1 << STATE_LISTEN);
	if (r == 0 && !rule->remote_port && !s.found) /* of IPv6, it may listen for IPv4, too */
		r = dump(&s, nl, AF_INET6, 1 << STATE_LISTEN);
	return r == -ENOENT ? 0 : r < 0 ? r : s.found;
}
