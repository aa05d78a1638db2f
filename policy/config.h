/* SPDX-License-Identifier: MIT */
/* What the administrator says, in zcrxd.conf(5) and on the command line. */
#ifndef ZCRXD_CONFIG_H
#define ZCRXD_CONFIG_H

#include <net/if.h>
#include <sys/types.h>

#include "nic/queues.h"
#include "policy/policy.h"

#define CONFIG_STATE_PATH "/run/zcrxd"

/* [nic NAME]: receive queues that are zcrxd's; the classes say who may lease them. */
struct config_nic {
	struct config_nic *next;
	char name[IF_NAMESIZE];
	int line; /* of the file, where it begins */
	struct nic_queues queues;
	uint64_t linger_seconds; /* for so long it stays ready after its last lease */
};

struct config {
	char *clients; /* socket paths */
	char *status;
	mode_t mode;          /* of both sockets */
	char *group;          /* owns them; NULL: the daemon's own */
	gid_t gid;            /* that, once it is looked up; -1: none */
	char *state;          /* folder of the journal */
	uint32_t fixed_holes; /* of the kernel's zcrx, that this kernel has not: nic/holes.h */
	struct config_nic *nics;
	struct policy policy;
};

/* The defaults. Returns 0 or -ENOMEM. */
int config_init(struct config *c);
void config_done(struct config *c);

/* One with the defaults; NULL without memory. */
struct config_nic *config_nic_new(const char *name);

/*
 * Looks up the groups of [sockets] and of the classes' sockets. May ask the network, for long.
 * Returns 0, -ENOENT or another negative errno, with the name that is not known.
 */
int config_find_groups(struct config *c, const char **ret_unknown);

/* Is what holds from the start on the same: [sockets], [zcrx] and [nic]? */
bool config_same_start(const struct config *a, const struct config *b);

#endif
