/* SPDX-License-Identifier: MIT */
#include "nic/ethtool.h"

#include <errno.h>
#include <linux/sockios.h>
#include <net/if.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

static int call(const char *nic, unsigned long request, struct ifreq *ifr)
{
	int sock = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	int r;

	if (sock < 0)
		return -errno;
	memcpy(ifr->ifr_name, nic, strnlen(nic, sizeof(ifr->ifr_name) - 1));
	r = ioctl(sock, request, ifr) < 0 ? -errno : 0;
	close(sock);
	return r;
}

int ethtool_call(const char *nic, void *command)
{
	struct ifreq ifr = {.ifr_data = command};

	return call(nic, SIOCETHTOOL, &ifr);
}

int nic_index(const char *nic, uint32_t *ret)
{
	struct ifreq ifr = {0};
	int r = call(nic, SIOCGIFINDEX, &ifr);

	if (r == 0)
		*ret = (uint32_t)ifr.ifr_ifindex;
	return r;
}
