/* SPDX-License-Identifier: MIT */
/* TCP sockets of others, for the VM as root: of another user, in another network namespace. */
#ifndef TESTS_TAKEN_SOCKETS_H
#define TESTS_TAKEN_SOCKETS_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#define SOCKETS_HERE   "10.71.0.1" /* zc0's */
#define SOCKETS_BEHIND "10.72.9.2" /* routed through netkit */

struct sockets_pair {
	int connected, accepted;
};

/* Sockets are this user's from now on. */
void sockets_user(uid_t uid);

/* Sockets are made in a new network namespace, which has SOCKETS_HERE, until sockets_back(). */
int sockets_elsewhere(void);
/* In one that has SOCKETS_BEHIND, behind a netkit device. Called once. */
int sockets_behind_netkit(void);
void sockets_back(int before);

/* Listens at the address, whether it is this machine's or not. */
int sockets_listen(const char *address);
void sockets_connect(struct sockets_pair *ret, int listener);
void sockets_close(const struct sockets_pair *c);

/* A VRF blue, which has no device; then zc0 is its, or is not. */
void sockets_vrf_make(void);
void sockets_vrf_has_nic(bool has);
void sockets_bind_to(int sock, const char *device);

/* Its local port; 0 if it has none. */
uint16_t sockets_port(int sock);

#endif
