/* SPDX-License-Identifier: MIT */
/* Two system calls: no library is needed for them. */
#include "daemon/broker/privilege.h"

#include <errno.h>
#include <linux/capability.h>
#include <stdint.h>
#include <sys/syscall.h>
#include <unistd.h>

int privilege_drop(void)
{
	const uint32_t keep = ~((1u << CAP_NET_ADMIN) | (1u << CAP_IPC_LOCK));
	struct __user_cap_header_struct head = {.version = _LINUX_CAPABILITY_VERSION_3};
	struct __user_cap_data_struct sets[_LINUX_CAPABILITY_U32S_3];

	if (syscall(SYS_capget, &head, sets) < 0)
		return -errno;
	/* What is not inheritable is not ambient either. */
	sets[0].effective &= keep;
	sets[0].permitted &= keep;
	sets[0].inheritable &= keep;
	return syscall(SYS_capset, &head, sets) < 0 ? -errno : 0;
}
