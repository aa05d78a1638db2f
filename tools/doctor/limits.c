/* SPDX-License-Identifier: MIT */
/* Gathers the limits and devices that decide how much can be received, and into what memory. */
#include "nic/procfs.h"
#include "tools/doctor/gather.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

static bool has_capability(unsigned cap)
{
	struct __user_cap_header_struct hdr = {.version = _LINUX_CAPABILITY_VERSION_3};
	struct __user_cap_data_struct data[_LINUX_CAPABILITY_U32S_3] = {{0}};

	if (syscall(__NR_capget, &hdr, data))
		return false;
	return data[CAP_TO_INDEX(cap)].effective & CAP_TO_MASK(cap);
}

static void memlock_gather(struct limit_facts *limits)
{
	struct rlimit rl;

	if (getrlimit(RLIMIT_MEMLOCK, &rl)) {
		limits->memlock_err = -errno;
		return;
	}
	limits->memlock_bytes = rl.rlim_max == RLIM_INFINITY ? UINT64_MAX : rl.rlim_max;
	limits->raises = has_capability(CAP_SYS_RESOURCE);
}

static void nofile_gather(struct limit_facts *limits)
{
	struct rlimit rl;

	limits->nofile_err = getrlimit(RLIMIT_NOFILE, &rl) ? -errno : 0;
	if (!limits->nofile_err)
		limits->nofile = rl.rlim_max;
}

/* Reads the nth number of a sysctl. */
static int sysctl_read(const char *path, unsigned nth, uint64_t *ret)
{
	int64_t values[3];
	int n = procfs_numbers(path, values, nth);

	if (n < 0)
		return n;
	if ((unsigned)n < nth)
		return -ENODATA;
	*ret = (uint64_t)values[nth - 1];
	return 0;
}

static int device_open(const char *path)
{
	int fd = open(path, O_RDWR | O_CLOEXEC);

	if (fd < 0)
		return -errno;
	close(fd);
	return 0;
}

void limits_gather(struct limit_facts *limits)
{
	memlock_gather(limits);
	nofile_gather(limits);
	limits->tcp_rmem_err =
		sysctl_read("/proc/sys/net/ipv4/tcp_rmem", 3, &limits->tcp_rmem_max_bytes);
	limits->inotify_err =
		sysctl_read("/proc/sys/fs/inotify/max_user_watches", 1, &limits->inotify_watches);
	limits->epoll_err =
		sysctl_read("/proc/sys/fs/epoll/max_user_watches", 1, &limits->epoll_watches);
	limits->udmabuf_err = device_open("/dev/udmabuf");
}
