/* SPDX-License-Identifier: MIT */
#include "daemon/pump/lower.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/fd.h"

#define OOM_ABOVE 10 /* thousandths of the memory */

static int capabilities_drop(void)
{
	struct __user_cap_header_struct head = {.version = _LINUX_CAPABILITY_VERSION_3};
	const struct __user_cap_data_struct none[_LINUX_CAPABILITY_U32S_3] = {0};
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
		return -errno;
	prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0);
	for (unsigned long cap = 0; prctl(PR_CAPBSET_READ, cap, 0, 0, 0) >= 0; cap++)
		prctl(PR_CAPBSET_DROP, cap, 0, 0, 0); /* only root can, and only root needs to */
	return syscall(SYS_capset, &head, none) < 0 ? -errno : 0;
}

/*
 * When memory is short the kernel is to end the broker last, and a pump no sooner than another
 * program that uses as much: memory of an area stays while the client has it, so little is gained.
 * Where /proc cannot be written the kernel chooses as it does.
 */
static void oom_fair(void)
{
	char text[16] = "";
	_cleanup_(fd_closep) int fd = open("/proc/self/oom_score_adj", O_RDWR | O_CLOEXEC);
	if (fd < 0 || pread(fd, text, sizeof(text) - 1, 0) <= 0)
		return;
	long brokers = strtol(text, NULL, 10);
	int n = snprintf(text, sizeof(text), "%ld", brokers < 0 ? 0 : brokers + OOM_ABOVE);
	if (pwrite(fd, text, (size_t)n, 0) < 0)
		return; /* the highest score there is */
}

int lower_self(void)
{
	const struct rlimit none = {0, 0};
	oom_fair();
	/* A broker that comes later is no ancestor; where Yama is not, nobody asks. */
	prctl(PR_SET_PTRACER, PR_SET_PTRACER_ANY, 0, 0, 0);
	setrlimit(RLIMIT_CORE, &none);
	return capabilities_drop();
}
