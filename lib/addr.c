/* SPDX-License-Identifier: MIT */
#include "lib/addr.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <string.h>

int addr_from_socket(struct msg_addr *ret, const struct sockaddr *addr, socklen_t len)
{
	union {
		struct sockaddr any;
		struct sockaddr_in in;
		struct sockaddr_in6 in6;
	} a = {0};
	if (len < sizeof(addr->sa_family))
		return -EINVAL;
	memcpy(&a, addr, len < sizeof(a) ? len : sizeof(a));
	struct msg_addr m = {0};
	switch (a.any.sa_family) {
	case AF_INET:
		if (len < sizeof(a.in))
			return -EINVAL;
		m.family = 4;
		m.port = ntohs(a.in.sin_port);
		memcpy(m.ip, &a.in.sin_addr, sizeof(a.in.sin_addr));
		break;
	case AF_INET6:
		if (len < sizeof(a.in6))
			return -EINVAL;
		m.family = 6;
		m.port = ntohs(a.in6.sin6_port);
		m.scope = a.in6.sin6_scope_id;
		memcpy(m.ip, &a.in6.sin6_addr, sizeof(a.in6.sin6_addr));
		break;
	default:
		return -EAFNOSUPPORT;
	}
	*ret = m;
	return 0;
}

static void fill(struct sockaddr *ret, socklen_t *len, const void *addr, socklen_t full)
{
	memcpy(ret, addr, *len < full ? *len : full);
	*len = full;
}

int addr_to_socket(const struct msg_addr *m, struct sockaddr *ret, socklen_t *len)
{
	struct sockaddr_in in = {.sin_family = AF_INET, .sin_port = htons(m->port)};
	struct sockaddr_in6 in6 = {
		.sin6_family = AF_INET6,
		.sin6_port = htons(m->port),
		.sin6_scope_id = m->scope,
	};
	switch (m->family) {
	case 4:
		memcpy(&in.sin_addr, m->ip, sizeof(in.sin_addr));
		fill(ret, len, &in, sizeof(in));
		return 0;
	case 6:
		memcpy(&in6.sin6_addr, m->ip, sizeof(in6.sin6_addr));
		fill(ret, len, &in6, sizeof(in6));
		return 0;
	default:
		return -ENOTCONN;
	}
}
