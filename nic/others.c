/* SPDX-License-Identifier: MIT */
/*
 * Makes two dumps by the kernel's sock_diag. A request is one struct, for which libnl would be no
 * help.
 */
#include "nic/others.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/inet_diag.h>
#include <linux/netlink.h>
#include <linux/sock_diag.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/*
 * The kernel's TCP states (include/net/tcp_states.h) but for TIME_WAIT, CLOSE and LISTEN, in which
 * a socket receives no payload. A bound socket that is not connected has the last state, from Linux
 * 6.8 on.
 */
enum {
	STATE_TIME_WAIT = 6,
	STATE_CLOSE = 7,
	STATE_LISTEN = 10,
	STATE_BOUND = 13,
	STATES = (1 << (STATE_BOUND + 1)) - 2 -
		 (1 << STATE_TIME_WAIT | 1 << STATE_CLOSE | 1 << STATE_LISTEN)
};

struct search {
	uint16_t port;
	uid_t uid;
	bool found, done;
	int error;
};

static void reply_take(struct search *s, struct nlmsghdr *h)
{
	const struct inet_diag_msg *sock = NLMSG_DATA(h);
	const int *error = NLMSG_DATA(h);
	bool is_end = h->nlmsg_type == NLMSG_DONE || h->nlmsg_type == NLMSG_ERROR;
	if (is_end) {
		s->done = true;
		s->error = h->nlmsg_len >= NLMSG_LENGTH(sizeof(*error)) && *error < 0 ? *error : 0;
	} else if (h->nlmsg_len >= NLMSG_LENGTH(sizeof(*sock)) &&
		   ntohs(sock->id.idiag_sport) == s->port && sock->idiag_uid != s->uid) {
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

static int dump(struct search *s, int nl, uint8_t family)
{
	struct {
		struct nlmsghdr header;
		struct inet_diag_req_v2 request;
	} m = {
		.header = {.nlmsg_len = sizeof(m),
			   .nlmsg_type = SOCK_DIAG_BY_FAMILY,
			   .nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP},
		.request = {.sdiag_family = family,
			    .sdiag_protocol = IPPROTO_TCP,
			    .idiag_states = STATES,
			    .id = {.idiag_sport = htons(s->port)}},
	};
	int r = send(nl, &m, sizeof(m), 0) < 0 ? -errno : 0;
	for (s->done = false; r == 0 && !s->done;)
		r = replies_take(s, nl);
	return r;
}

int nic_port_of_others(uint16_t port, uid_t uid)
{
	struct search s = {.port = port, .uid = uid};
	int nl = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_SOCK_DIAG);
	if (nl < 0)
		return -errno;
	int r = dump(&s, nl, AF_INET);
	if (r == 0)
		r = dump(&s, nl, AF_INET6);
	close(nl);
	return r < 0 ? r : s.found;
}
