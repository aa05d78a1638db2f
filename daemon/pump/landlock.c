/* SPDX-License-Identifier: MIT */
#include "daemon/pump/landlock.h"

#include <errno.h>
#include <linux/landlock.h>
#include <stdint.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/size.h"

#define BIT(n)      (UINT64_C(1) << (n))
#define BIND_TCP    BIT(0)
#define CONNECT_TCP BIT(1)

/* What each ABI version added, by number: headers older than a version do not name what it added.
 */
static const struct {
	int abi;
	uint64_t fs, net, scoped;
} added[] = {
	{1, BIT(13) - 1, 0, 0}, /* EXECUTE to MAKE_SYM */
	{2, BIT(13), 0, 0},     /* REFER */
	{3, BIT(14), 0, 0},     /* TRUNCATE */
	{4, 0, BIND_TCP | CONNECT_TCP, 0},
	{5, BIT(15), 0, 0},          /* IOCTL_DEV */
	{6, 0, 0, BIT(0) | BIT(1)},  /* ABSTRACT_UNIX_SOCKET, SIGNAL */
	{9, BIT(16), 0, 0},          /* RESOLVE_UNIX */
	{10, 0, BIT(2) | BIT(3), 0}, /* BIND_UDP, CONNECT_SEND_UDP */
};

/* struct landlock_ruleset_attr as of ABI 6. */
struct ruleset {
	uint64_t fs, net, scoped;
};

static int ruleset_new(int abi)
{
	struct ruleset all = {0};
	for (size_t i = 0; i < ARRAY_LENGTH(added) && added[i].abi <= abi; i++) {
		all.fs |= added[i].fs;
		all.net |= added[i].net;
		all.scoped |= added[i].scoped;
	}
	/* A kernel that knows a shorter structure takes a longer one whose rest is zero. */
	int fd = (int)syscall(SYS_landlock_create_ruleset, &all, sizeof(all), 0);
	return fd < 0 ? -errno : fd;
}

/* Without a single rule nothing is allowed. */
int landlock_enter(void)
{
	int abi =
		(int)syscall(SYS_landlock_create_ruleset, NULL, 0, LANDLOCK_CREATE_RULESET_VERSION);
	if (abi < 0)
		return errno == ENOSYS || errno == EOPNOTSUPP ? 0 : -errno;
	_cleanup_(fd_closep) int fd = ruleset_new(abi);
	if (fd < 0)
		return fd;
	return syscall(SYS_landlock_restrict_self, fd, 0) < 0 ? -errno : abi;
}
