/* SPDX-License-Identifier: MIT */
/*
 * The facts that the doctor knows: plain data, which the gatherers (gather.h) fill and the judge
 * reads. Tests make them up. Each group of facts has a member `err`: 0, or the negative errno why
 * the group is not known; its other members are then zero.
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
	uint32_t holes;       /* holes in the zcrx of kernels of this version: nic/holes.h */
	uint32_t fixed_holes; /* holes that this kernel does not have, as zcrxd.conf says */
	char config_path[96]; /* the file that the options below were read from, or "" */
	int config_err;
	enum tri config[CONFIG_COUNT];
	enum tri init_userns; /* is this the initial user namespace? */
};

struct uring_facts {
	int disabled;  /* kernel.io_uring_disabled; -1: no such sysctl */
	int64_t group; /* kernel.io_uring_group; -1: none */
	/* who would run the daemon: the user zcrxd if there is one, else the caller */
	char user[33];
	enum tri user_in_group; /* is that user root or a member of the group? */
	int ring_err;           /* 0: a ring made as the daemon makes it worked */
	const char *ring_call;  /* the call that failed; NULL: none was made */
	bool seccomp;           /* a seccomp filter is on this process */
	enum tri recv_zc;       /* does the kernel know IORING_OP_RECV_ZC? */
	int query_err; /* the errno of IORING_REGISTER_QUERY for zcrx; 0: the next two are known */
	uint64_t zcrx_register_flags;
	uint32_t zcrx_features;
};

struct limit_facts {
	int memlock_err;
	bool raises; /* CAP_SYS_RESOURCE: a zcrxd that this user starts does not keep the limit */
	/* hard limit, to which the daemon raises its own; UINT64_MAX: none */
	uint64_t memlock_bytes;
	int nofile_err;
	uint64_t nofile;
	int tcp_rmem_err;
	uint64_t tcp_rmem_max_bytes;
	/*
	 * The system's limits of watches for zcrxd's user, and how many all users of all classes of
	 * zcrxd.conf together may need. Each file of clients' memory takes a watch of inotify, each
	 * socket that is received one of epoll.
	 */
	int inotify_err;
	uint64_t inotify_watches, inotify_wanted;
	int epoll_err;
	uint64_t epoll_watches, epoll_wanted;
	int udmabuf_err; /* the errno of opening /dev/udmabuf */
};

/* One of zcrxd's programs. */
struct program_facts {
	char path[256]; /* where zcrxd looks for it; "" if there is no zcrxd */
	int err;        /* 0, or why it is not known: -ENOENT, it is not there */
	unsigned mode;  /* permissions */
};

/* What zcrxd needs to have its clients' pumps in processes of their own, and to keep them in. */
struct pump_facts {
	int landlock;     /* the version of its ABI, or a negative errno */
	int task_err;     /* the errno of restricting all rings that a process will make */
	int rights_err;   /* the errno of switching SO_PASSRIGHTS off */
	int getfd_err;    /* the errno of pidfd_getfd */
	int ptrace_scope; /* kernel.yama.ptrace_scope; -1: there is no Yama */
	bool seccomp;     /* a seccomp filter is on this process */
	struct program_facts pump, hand;
};

struct machine_facts {
	struct kernel_facts kernel;
	struct uring_facts uring;
	struct pump_facts pumps;
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
