/* SPDX-License-Identifier: MIT */
/*
 * What the doctor knows: plain data, filled by the gatherers (gather.h), read by the judge, made up
 * by the tests. Nothing here is an opinion.
 *
 * Invariant: a group of facts that could not be learned carries the reason as a negative errno in
 * its `err` member; the members beside it are then zero. 0 means the group is true.
 */
#ifndef ZCRX_DOCTOR_FACTS_H
#define ZCRX_DOCTOR_FACTS_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "nic/holders.h"
#include "nic/nic.h"

enum config_option {
	CONFIG_IO_URING,
	CONFIG_IO_URING_ZCRX,
	CONFIG_NET_DEVMEM,
	CONFIG_ETHTOOL_NETLINK,
	CONFIG_UDMABUF,
	CONFIG_COUNT,
};

struct kernel_facts {
	char release[65];
	unsigned major, minor;
	uint32_t holes;       /* of zcrx in kernels of this version: nic/holes.h */
	uint32_t fixed_holes; /* those that zcrxd.conf says this kernel has not */
	char config_path[96]; /* where the options below were read, or empty */
	int config_err;
	enum tri config[CONFIG_COUNT];
	enum tri init_userns; /* is this the initial user namespace? */
};

struct uring_facts {
	int disabled;           /* kernel.io_uring_disabled; -1: no such sysctl */
	int64_t group;          /* kernel.io_uring_group; -1: none */
	char user[33];          /* who would run the daemon: its own user, else the caller */
	enum tri user_in_group; /* is that user root or a member of the group? */
	int ring_err;           /* 0: a ring made as the daemon makes it worked */
	const char *ring_call;  /* else: the call that failed; NULL: before any */
	bool seccomp;           /* a seccomp filter is on this process */
	enum tri recv_zc;       /* does the kernel know IORING_OP_RECV_ZC? */
	int query_err;          /* of IORING_REGISTER_QUERY for zcrx; 0: the two below are true */
	uint64_t zcrx_register_flags;
	uint32_t zcrx_features;
};

struct limit_facts {
	int memlock_err;
	bool ipc_lock;          /* CAP_IPC_LOCK: the limit does not bind this process */
	uint64_t memlock_bytes; /* hard limit, to which the daemon raises its own; UINT64_MAX: none
				 */
	int nofile_err;
	uint64_t nofile;
	int optmem_err;
	uint64_t optmem_bytes;
	int tcp_rmem_err;
	uint64_t tcp_rmem_max_bytes;
	/*
	 * Watches of zcrxd's user: of inotify for each file of clients' memory, of epoll for each
	 * socket that is received. The system's limits, and the most that all users of all classes
	 * of zcrxd.conf together may need.
	 */
	int inotify_err;
	uint64_t inotify_watches, inotify_wanted;
	int epoll_err;
	uint64_t epoll_watches, epoll_wanted;
	int udmabuf_err; /* of opening /dev/udmabuf */
};

struct machine_facts {
	struct kernel_facts kernel;
	struct uring_facts uring;
	struct limit_facts limits;
	uint64_t page_bytes;
	struct nic_holders holders;
};

struct facts {
	struct machine_facts machine;
	struct nic_facts *nics;
	unsigned n_nics;
	bool named; /* the user named the NICs */
};

void facts_done(struct facts *facts);

static inline bool kernel_is_at_least(const struct kernel_facts *k, unsigned major, unsigned minor)
{
	return k->major > major || (k->major == major && k->minor >= minor);
}

#endif
