/* SPDX-License-Identifier: MIT */
/*
 * What io_uring allows here. Sysctls say what should work; a ring made exactly as the daemon makes
 * it, in memory of its own choice, asked and entered once, says what does, seccomp and all.
 */
#include "nic/procfs.h"
#include "tools/doctor/gather.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/io_uring.h>
#include <linux/io_uring/query.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#define DAEMON_USER      "zcrxd"
#define RING_ENTRIES     256u
#define RING_BYTES       ((size_t)64 << 10) /* several pages: that is what 6.12 is needed for */
#define SQES_BYTES       ((size_t)64 << 10)
#define GROUPS_MAX_COUNT 256

static int64_t sysctl_read(const char *path)
{
	int64_t value;

	return procfs_numbers(path, &value, 1) == 1 ? value : -1;
}

static enum tri in_group(const char *user, gid_t primary, int64_t group)
{
	gid_t groups[GROUPS_MAX_COUNT];
	int n = GROUPS_MAX_COUNT;

	if (group < 0)
		return TRI_NO;
	if (getgrouplist(user, primary, groups, &n) < 0)
		return TRI_UNKNOWN;
	for (int i = 0; i < n; i++)
		if (groups[i] == (gid_t)group)
			return TRI_YES;
	return TRI_NO;
}

/* The daemon runs as its own user if that exists, else as whoever starts it. */
static void user_gather(struct uring_facts *uring)
{
	struct passwd pw, *found = NULL;
	char buf[4096];

	if (getpwnam_r(DAEMON_USER, &pw, buf, sizeof(buf), &found) || !found)
		(void)getpwuid_r(getuid(), &pw, buf, sizeof(buf), &found);
	if (!found) {
		snprintf(uring->user, sizeof(uring->user), "uid %u", getuid());
		uring->user_in_group = getuid() ? TRI_UNKNOWN : TRI_YES;
		return;
	}
	snprintf(uring->user, sizeof(uring->user), "%s", pw.pw_name);
	uring->user_in_group = pw.pw_uid ? in_group(pw.pw_name, pw.pw_gid, uring->group) : TRI_YES;
}

static bool seccomp_is_on(void)
{
	uint64_t mode;

	return !procfs_field(AT_FDCWD, "/proc/self/status", "Seccomp:", 10, &mode) && mode;
}

/* Returns the fd of a ring in the given memory or a negative errno. */
static int ring_setup(const char *mem)
{
	struct io_uring_params p = {
		.flags = IORING_SETUP_NO_MMAP | IORING_SETUP_CQE32 | IORING_SETUP_SINGLE_ISSUER |
			 IORING_SETUP_DEFER_TASKRUN | IORING_SETUP_NO_SQARRAY | IORING_SETUP_CQSIZE,
		.cq_entries = 2 * RING_ENTRIES,
	};
	int fd;

	p.cq_off.user_addr = (uintptr_t)mem;
	p.sq_off.user_addr = (uintptr_t)(mem + RING_BYTES);
	fd = (int)syscall(__NR_io_uring_setup, RING_ENTRIES, &p);
	return fd < 0 ? -errno : fd;
}

/* Returns 0 or a negative errno. */
static int opcode_find(int ring, unsigned opcode, enum tri *ret)
{
	struct io_uring_probe *probe;
	const unsigned n = 256;
	int r = 0;

	probe = calloc(1, sizeof(*probe) + n * sizeof(probe->ops[0]));
	if (!probe)
		return -ENOMEM;
	if (syscall(__NR_io_uring_register, ring, IORING_REGISTER_PROBE, probe, n) < 0)
		r = -errno;
	else if (opcode <= probe->last_op && probe->ops[opcode].flags & IO_URING_OP_SUPPORTED)
		*ret = TRI_YES;
	else
		*ret = TRI_NO;
	free(probe);
	return r;
}

/* Seccomp filters and security modules can deny each call by itself: all three are made. */
static void ring_try(struct uring_facts *uring, const char *mem)
{
	int fd = ring_setup(mem);

	uring->ring_call = "io_uring_setup";
	uring->ring_err = fd < 0 ? fd : 0;
	if (fd < 0)
		return;
	uring->ring_call = "io_uring_register";
	uring->ring_err = opcode_find(fd, IORING_OP_RECV_ZC, &uring->recv_zc);
	if (!uring->ring_err) {
		uring->ring_call = "io_uring_enter";
		if (syscall(__NR_io_uring_enter, fd, 0, 0, IORING_ENTER_GETEVENTS, NULL, 0) < 0)
			uring->ring_err = -errno;
	}
	close(fd);
}

static void ring_gather(struct uring_facts *uring)
{
	char *mem;
	int memfd;

	memfd = memfd_create("doctor-ring", MFD_CLOEXEC);
	if (memfd < 0 || ftruncate(memfd, RING_BYTES + SQES_BYTES) < 0) {
		uring->ring_err = -errno;
		if (memfd >= 0)
			close(memfd);
		return;
	}
	mem = mmap(NULL, RING_BYTES + SQES_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED, memfd, 0);
	uring->ring_err = mem == MAP_FAILED ? -errno : 0;
	close(memfd);
	if (uring->ring_err)
		return;
	ring_try(uring, mem);
	munmap(mem, RING_BYTES + SQES_BYTES);
}

/* Needs no ring; older kernels than 6.19 do not know this query. */
static void query_gather(struct uring_facts *uring)
{
	struct io_uring_query_zcrx zcrx = {0};
	struct io_uring_query_hdr hdr = {
		.query_data = (uintptr_t)&zcrx,
		.query_op = IO_URING_QUERY_ZCRX,
		.size = sizeof(zcrx),
	};

	if (syscall(__NR_io_uring_register, -1, IORING_REGISTER_QUERY, &hdr, 0) < 0)
		uring->query_err = -errno;
	else
		uring->query_err = hdr.result;
	if (uring->query_err)
		return;
	uring->zcrx_register_flags = zcrx.register_flags;
	uring->zcrx_features = zcrx.features;
}

void uring_gather(struct uring_facts *uring)
{
	uring->disabled = (int)sysctl_read("/proc/sys/kernel/io_uring_disabled");
	uring->group = sysctl_read("/proc/sys/kernel/io_uring_group");
	user_gather(uring);
	uring->seccomp = seccomp_is_on();
	ring_gather(uring);
	query_gather(uring);
}
