/* SPDX-License-Identifier: MIT */
/*
 * Addresses of TCP as the protocol writes them, and as sockets have them.
 *
 * A socket of IPv6 shows an IPv4 address as ::ffff:a.b.c.d. The protocol shows it as the socket
 * does; whoever compares, judges or steers looks at addr_unmapped().
 */
#ifndef ZCRX_PROTO_ADDR_H
#define ZCRX_PROTO_ADDR_H

#include <assert.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

struct msg_addr {
	uint16_t family; /* 4, 6, or 0 for none */
	uint16_t port;   /* native endian */
	uint32_t scope;  /* IPv6 scope id */
	uint8_t ip[16];  /* network order; IPv4 uses the first four */
};

static_assert(sizeof(struct msg_addr) == 24, "wire");

/*
 * The address of a socket. Returns 0, -EAFNOSUPPORT for anything but IPv4 and IPv6, -EINVAL for an
 * address cut short.
 */
int addr_from_sockaddr(struct msg_addr *ret, const struct sockaddr *sa, socklen_t len);

/* The other way round. Returns the length, 0 for an address of no known family. */
socklen_t addr_to_sockaddr(const struct msg_addr *a, struct sockaddr_storage *ret);

/*
 * Both addresses of a socket, the remote one only if ret_remote is not NULL. One that it does not
 * have leaves *ret_ as it is. Takes the socket's lock.
 */
void addr_of_socket(int sock, struct msg_addr *ret_local, struct msg_addr *ret_remote);

/* AF_INET, AF_INET6 or AF_UNSPEC. */
int addr_family(const struct msg_addr *a);

/*
 * With the family that the address really has: an IPv4 address can come in an IPv6 one. What a
 * client sent behind the four bytes of an IPv4 address is cleared.
 */
struct msg_addr addr_unmapped(const struct msg_addr *a);

/* Does it stand for all addresses of its family? */
bool addr_is_any(const struct msg_addr *a);

/* Can a socket at local (family 0: at any address) be connected to remote? */
bool addr_reaches(const struct msg_addr *local, const struct msg_addr *remote);

/* The same address, whatever the ports, and whether either of them is mapped or not. */
bool addr_same_ip(const struct msg_addr *a, const struct msg_addr *b);

/* Writes "192.0.2.1:80" or "[2001:db8::1]:80"; "" for none. */
#define ADDR_TEXT_BYTES 56
void addr_text(const struct msg_addr *a, char ret[ADDR_TEXT_BYTES]);

#endif
