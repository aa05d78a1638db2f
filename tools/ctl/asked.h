/* SPDX-License-Identifier: MIT */
/* What `zcrxctl policy test` is asked: the file, the client, and the client's request. */
#ifndef CTL_ASKED_H
#define CTL_ASKED_H

#include <net/if.h>
#include <stdbool.h>

#include "policy/config.h"

#define ASKED_GROUPS_MAX 1024

struct asked {
	const char *config, *socket;
	struct policy_identity who;
	gid_t groups[ASKED_GROUPS_MAX];
	bool groups_given, requested;
	struct policy_request request;
	char nic[IF_NAMESIZE];
};

/*
 * Reads the command line into *o. Returns 0, 1 for --help, or -EINVAL after it has printed the
 * mistake.
 */
int asked_parse(struct asked *o, int argc, char **argv);

/* Prints that the value is not what the option expects. Returns -EINVAL. */
int asked_wrong(const char *option, const char *value, const char *expected);

#endif
