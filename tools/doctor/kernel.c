/* SPDX-License-Identifier: MIT */
/* Gathers the kernel's version, the options it was built with, and whether this is a container. */
#include "nic/holes.h"
#include "nic/procfs.h"
#include "tools/doctor/gather.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/utsname.h>
#include <zlib.h>

static const char *const option_names[CONFIG_COUNT] = {
	[CONFIG_IO_URING] = "CONFIG_IO_URING",
	[CONFIG_IO_URING_ZCRX] = "CONFIG_IO_URING_ZCRX",
	[CONFIG_NET_DEVMEM] = "CONFIG_NET_DEVMEM",
	[CONFIG_ETHTOOL_NETLINK] = "CONFIG_ETHTOOL_NETLINK",
	[CONFIG_UDMABUF] = "CONFIG_UDMABUF",
};

static void option_parse(struct kernel_facts *kernel, const char *line)
{
	for (unsigned i = 0; i < CONFIG_COUNT; i++) {
		size_t n = strlen(option_names[i]);

		if (strncmp(line, option_names[i], n) == 0 && line[n] == '=')
			kernel->config[i] = TRI_YES;
	}
}

/*
 * Reads the kernel's configuration. gzopen() reads /proc/config.gz as well as the plain files of
 * /boot.
 */
static int config_read(struct kernel_facts *kernel)
{
	char line[256];
	gzFile f;

	errno = 0;
	f = gzopen(kernel->config_path, "re");
	if (!f)
		return errno ? -errno : -ENOMEM;
	/* An option that the configuration does not have is off. */
	for (unsigned i = 0; i < CONFIG_COUNT; i++)
		kernel->config[i] = TRI_NO;
	while (gzgets(f, line, sizeof(line)))
		option_parse(kernel, line);
	gzclose(f);
	return 0;
}

static void config_gather(struct kernel_facts *kernel)
{
	const struct {
		const char *before, *after;
	} places[] = {
		{"/proc/config.gz", ""},
		{"/boot/config-", kernel->release},
		{"/lib/modules/", "/config"},
	};

	for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
		const char *between = i == 2 ? kernel->release : "";

		snprintf(kernel->config_path, sizeof(kernel->config_path), "%s%s%s",
			 places[i].before, between, places[i].after);
		kernel->config_err = config_read(kernel);
		if (!kernel->config_err)
			return;
	}
	kernel->config_path[0] = '\0';
}

/* The initial user namespace is the one that maps every id to itself. */
static enum tri init_userns(void)
{
	int64_t map[3];

	if (procfs_numbers("/proc/self/uid_map", map, 3) != 3)
		return TRI_UNKNOWN;
	return !map[0] && !map[1] && map[2] == UINT32_MAX ? TRI_YES : TRI_NO;
}

void kernel_gather(struct kernel_facts *kernel)
{
	struct utsname u;

	if (!uname(&u)) {
		snprintf(kernel->release, sizeof(kernel->release), "%s", u.release);
		struct kernel_version version = kernel_version_parse(u.release);
		kernel->major = version.major;
		kernel->minor = version.minor;
		kernel->holes = holes_of(version);
	}
	config_gather(kernel);
	kernel->init_userns = init_userns();
}
