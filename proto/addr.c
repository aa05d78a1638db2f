/* SPDX-License-Identifier: MIT */
#include "proto/addr.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>

static const uint8_t mapped[12] = {[10] = 0xff, [11] = 0xff};

int addr_from_sockaddr(struct msg_addr *ret, const struct sockaddr *sa, socklen_t len)
{
	struct sockaddr_in in;
	struct sockaddr_in6 in6;
	if (len < sizeof(sa->sa_family))
		return -EINVAL;
	switch (sa->sa_family) {
	case AF_INET:
		if (len < sizeof(in))
			return -EINVAL;
		memcpy(&in, sa, sizeof(in));
		*ret = (struct msg_addr){.family = 4, .port = ntohs(in.sin_port)};
		memcpy(ret->ip, &in.sin_addr, sizeof(in.sin_addr));
		return 0;
	case AF_INET6:
		if (len < sizeof(in6))
			return -EINVAL;
		memcpy(&in6, sa, sizeof(in6));
		*ret = (struct msg_addr){.family = 6,
					 .port = ntohs(in6.sin6_port),
					 .scope = in6.sin6_scope_id};
		memcpy(ret->ip, &in6.sin6_addr, sizeof(in6.sin6_addr));
		return 0;
	default:
		return -EAFNOSUPPORT;
	}
}

socklen_t addr_to_sockaddr(const struct msg_addr *a, struct sockaddr_storage *ret)
{
	struct sockaddr_in in = {.sin_family = AF_INET, .sin_port = htons(a->port)};
	struct sockaddr_in6 in6 = {.sin6_family = AF_INET6,
				   .sin6_port = htons(a->port),
				   .sin6_scope_id = a->scope};
	*ret = (struct sockaddr_storage){0};
	switch (a->family) {
	case 4:
		memcpy(&in.sin_addr, a->ip, sizeof(in.sin_addr));
		memcpy(ret, &in, sizeof(in));
		return sizeof(in);
	case 6:
		memcpy(&in6.sin6_addr, a->ip, sizeof(in6.sin6_addr));
		memcpy(ret, &in6, sizeof(in6));
		return sizeof(in6);
	default:
		return 0;
	}
}

static void of_socket(int (*name)(int, struct sockaddr *, socklen_t *), int sock,
		      struct msg_addr *ret)
{
	struct sockaddr_storage sa;
	socklen_t len = sizeof(sa);
	if (name(sock, (struct sockaddr *)&sa, &len) == 0)
		addr_from_sockaddr(ret, (struct sockaddr *)&sa, len);
}

void addr_of_socket(int sock, struct msg_addr *ret_local, struct msg_addr *ret_remote)
{
	of_socket(getsockname, sock, ret_local);
	if (ret_remote)
		of_socket(getpeername, sock, ret_remote);
}

int addr_family(const struct msg_addr *a)
{
	return a->family == 4 ? AF_INET : a->family == 6 ? AF_INET6 : AF_UNSPEC;
}

struct msg_addr addr_unmapped(const struct msg_addr *a)
{
	bool is_mapped = a->family == 6 && memcmp(a->ip, mapped, sizeof(mapped)) == 0;
	if (a->family != 4 && !is_mapped)
		return *a;
	struct msg_addr r = {.family = 4, .port = a->port};
	memcpy(r.ip, is_mapped ? a->ip + sizeof(mapped) : a->ip, sizeof(struct in_addr));
	return r;
}

bool addr_is_any(const struct msg_addr *address)
{
	static const uint8_t zero[16];
	struct msg_addr a = addr_unmapped(address);
	return memcmp(a.ip, zero, sizeof(zero)) == 0;
}

bool addr_reaches(const struct msg_addr *local, const struct msg_addr *remote)
{
	struct msg_addr from = addr_unmapped(local), to = addr_unmapped(remote);
	return to.port && (!from.family || from.family == to.family);
}

bool addr_same_ip(const struct msg_addr *first, const struct msg_addr *second)
{
	struct msg_addr a = addr_unmapped(first), b = addr_unmapped(second);
	return a.family == b.family && memcmp(a.ip, b.ip, sizeof(a.ip)) == 0;
}

void addr_text(const struct msg_addr *a, char ret[ADDR_TEXT_BYTES])
{
	char ip[INET6_ADDRSTRLEN];
	*ret = '\0';
	if (a->family && inet_ntop(addr_family(a), a->ip, ip, sizeof(ip)))
		snprintf(ret, ADDR_TEXT_BYTES, a->family == 4 ? "%s:%u" : "[%s]:%u", ip, a->port);
}
