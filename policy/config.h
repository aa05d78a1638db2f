/* SPDX-License-Identifier: MIT */
/* The configuration: what zcrxd.conf(5) and the command line say. */
#ifndef ZCRXD_CONFIG_H
#define ZCRXD_CONFIG_H

#include <net/if.h>
#include <sys/types.h>

#include "nic/queues.h"
#include "policy/policy.h"

#define CONFIG_STATE_PATH "/run/zcrxd"

/* [nic NAME]: the receive queues of an interface that zcrxd leases; classes say to whom. */
struct config_nic {
	struct config_nic *next;
	char name[IF_NAMESIZE];
	int line; /* the line of the file in which the section begins */
	struct nic_queues queues;
	uint64_t linger_seconds; /* how long the NIC stays ready after its last lease */
};

struct config {
	char *clients; /* socket paths */
	char *status;
	mode_t mode;    /* of both sockets */
	char *group;    /* owns both sockets; NULL: zcrxd's own group */
	int group_line; /* the line that names it */
	gid_t gid;      /* the number of `group`, once it is looked up; -1: not yet, or none */
	char *state;    /* the folder of the journal */
	uint64_t orphan_seconds; /* for how long clients go on without a zcrxd */
	uint32_t fixed_holes;    /* holes that this kernel does not have: nic/holes.h */
	struct config_nic *nics;
	struct policy policy;
};

/* Sets the defaults. Returns 0 or -ENOMEM; config_done() is due either way. */
int config_init(struct config *c);
void config_done(struct config *c);

/* A new [nic] with the defaults, or NULL without memory. */
struct config_nic *config_nic_new(const char *name);

/* Are [sockets], [zcrx] and [nic] the same in both? zcrxd reads them when it starts only. */
bool config_same_start(const struct config *a, const struct config *b);

#endif
