/* SPDX-License-Identifier: MIT */
/* A few system calls: no library is needed for them. */
#include "daemon/broker/privilege.h"

#include <errno.h>
#include <linux/capability.h>
#include <stdint.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#define OF_ZERO_COPY ((1u << CAP_NET_ADMIN) | (1u << CAP_IPC_LOCK))

int privilege_drop(void)
{
	const uint32_t keep = ~OF_ZERO_COPY;
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

bool privilege_is_there(void)
{
	struct __user_cap_header_struct head = {.version = _LINUX_CAPABILITY_VERSION_3};
	struct __user_cap_data_struct sets[_LINUX_CAPABILITY_U32S_3];
	return syscall(SYS_capget, &head, sets) == 0 &&
	       (sets[0].effective & (1u << CAP_NET_ADMIN)) != 0;
}

/* Root's programs have them anyway. If this fails, the job of a hand fails, and that is told. */
void privilege_pass_on(void)
{
	struct __user_cap_header_struct head = {.version = _LINUX_CAPABILITY_VERSION_3};
	struct __user_cap_data_struct sets[_LINUX_CAPABILITY_U32S_3];
	if (syscall(SYS_capget, &head, sets) < 0)
		return;
	sets[0].inheritable |= sets[0].permitted & OF_ZERO_COPY;
	if (syscall(SYS_capset, &head, sets) < 0)
		return;
	prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, CAP_NET_ADMIN, 0, 0);
	prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, CAP_IPC_LOCK, 0, 0);
}
