/* SPDX-License-Identifier: MIT */
/* What `zcrxctl policy test` is asked: which client, by which file, and what it requests. */
#ifndef CTL_ASKED_H
#define CTL_ASKED_H

#include <net/if.h>
#include <stdbool.h>

#include "policy/config.h"

#define ASKED_GROUPS_MOST 1024

struct asked {
	const char *config, *socket;
	struct policy_identity who;
	gid_t groups[ASKED_GROUPS_MOST];
	bool groups_given, requested;
	struct policy_request request;
	char nic[IF_NAMESIZE];
};

/* Reads the command line over what is there. Returns 0, 1 for --help, or -EINVAL for what it told.
 */
int asked_parse(struct asked *o, int argc, char **argv);

/* Tells that the value is not what the option expects, and returns -EINVAL. */
int asked_wrong(const char *option, const char *value, const char *expected);

#endif
