/* SPDX-License-Identifier: MIT */
#include "ethtool.h"

#include <errno.h>
#include <linux/sockios.h>
#include <net/if.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

int ethtool_call(const char *nic, void *command)
{
	struct ifreq ifr = {.ifr_data = command};
	int sock = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	int r;

	if (sock < 0)
		return -errno;
	memcpy(ifr.ifr_name, nic, strnlen(nic, sizeof(ifr.ifr_name) - 1));
	r = ioctl(sock, SIOCETHTOOL, &ifr) < 0 ? -errno : 0;
	close(sock);
	return r;
}
