/* SPDX-License-Identifier: MIT */
/* What the administrator says: zcrxd.conf(5), an INI file, under the command line. */
#ifndef ZCRXD_CONFIG_H
#define ZCRXD_CONFIG_H

#include <net/if.h>
#include <stdio.h>
#include <sys/types.h>

#include "../nic/queues.h"
#include "policy.h"

/* [nic NAME]: receive queues that are zcrxd's; the classes say who may lease them. */
struct config_nic {
	struct config_nic *next;
	char name[IF_NAMESIZE];
	int line; /* of the file, where it begins */
	struct nic_queues queues;
};

struct config {
	char *clients; /* socket paths */
	char *status;
	mode_t mode; /* of both sockets */
	char *group; /* owns them; NULL: the daemon's own */
	char *state; /* folder of the journal */
	struct config_nic *nics;
	struct policy policy;
};

/* The defaults. Returns 0 or -ENOMEM. */
int config_init(struct config *c);
void config_done(struct config *c);

/*
 * Reads a file over what is there. Every mistake is printed with file and line. Returns 0, -ENOENT
 * when there is no such file, -EINVAL for mistakes, or another negative errno.
 */
int config_read(struct config *c, const char *path);

/* Is what holds from the start on the same: [sockets] and [nic]? */
bool config_same_start(const struct config *a, const struct config *b);

/* Prints it as a file that config_read() takes; comments say what it means. */
void config_print(const struct config *c, FILE *out);

#endif
