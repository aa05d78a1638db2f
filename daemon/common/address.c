/* SPDX-License-Identifier: MIT */
#include "daemon/common/address.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>

static struct msg_addr address(const struct sockaddr_storage *sa)
{
	struct msg_addr a = {0};
	if (sa->ss_family == AF_INET) {
		const struct sockaddr_in *in = (const void *)sa;
		a.family = 4;
		a.port = ntohs(in->sin_port);
		memcpy(a.ip, &in->sin_addr, 4);
	} else if (sa->ss_family == AF_INET6) {
		const struct sockaddr_in6 *in6 = (const void *)sa;
		a.family = 6;
		a.port = ntohs(in6->sin6_port);
		a.scope = in6->sin6_scope_id;
		memcpy(a.ip, &in6->sin6_addr, 16);
	}
	return a;
}

void socket_addresses(int sock, struct msg_addr *local, struct msg_addr *remote)
{
	struct sockaddr_storage sa = {0};
	socklen_t len = sizeof(sa);
	if (getsockname(sock, (struct sockaddr *)&sa, &len) == 0)
		*local = address(&sa);
	sa = (struct sockaddr_storage){0};
	len = sizeof(sa);
	if (remote && getpeername(sock, (struct sockaddr *)&sa, &len) == 0)
		*remote = address(&sa);
}

unsigned socket_address(const struct msg_addr *a, struct sockaddr_storage *ret)
{
	*ret = (struct sockaddr_storage){0};
	if (a->family == 4) {
		struct sockaddr_in *in = (void *)ret;
		in->sin_family = AF_INET;
		in->sin_port = htons(a->port);
		memcpy(&in->sin_addr, a->ip, 4);
		return sizeof(*in);
	}
	if (a->family == 6) {
		struct sockaddr_in6 *in6 = (void *)ret;
		in6->sin6_family = AF_INET6;
		in6->sin6_port = htons(a->port);
		in6->sin6_scope_id = a->scope;
		memcpy(&in6->sin6_addr, a->ip, 16);
		return sizeof(*in6);
	}
	return 0;
}
