/* SPDX-License-Identifier: MIT */
/* What the administrator says: zcrxd.conf(5), an INI file, under the command line. */
#ifndef ZCRXD_CONFIG_H
#define ZCRXD_CONFIG_H

#include <net/if.h>
#include <stdio.h>
#include <sys/types.h>

#include "../nic/queues.h"
#include "account.h"

/* [nic NAME]: receive queues that may be handed out. */
struct config_nic {
	struct config_nic *next;
	char name[IF_NAMESIZE];
	struct nic_queues queues;
};

struct config {
	char *clients; /* socket paths */
	char *status;
	mode_t mode; /* of both sockets */
	char *group; /* owns them; NULL: the daemon's own */
	char *state; /* folder of the journal */
	struct limits limits;
	struct config_nic *nics;
};

/* The defaults. Returns 0 or -ENOMEM. */
int config_init(struct config *c);
void config_done(struct config *c);

/*
 * Reads a file over what is there. Every mistake is printed with file and line. Returns 0, -ENOENT
 * when there is no such file, -EINVAL for mistakes, or another negative errno.
 */
int config_read(struct config *c, const char *path);

/* Prints it as a file that config_read() takes. */
void config_print(const struct config *c, FILE *out);

#endif
