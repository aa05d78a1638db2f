/* SPDX-License-Identifier: MIT */
/* The sections of zcrxd.conf and their keys, and a configuration printed by them. */
#ifndef ZCRXD_SECTIONS_H
#define ZCRXD_SECTIONS_H

#include <stdio.h>

#include "policy/config.h"
#include "policy/keys.h"

/* How the names of sections begin of which there can be several. */
#define SECTION_NIC   "nic "
#define SECTION_CLASS "class "

struct section {
	const char *name; /* as people read it */
	const struct key *keys;
	size_t n;
};

/* Their keys are fields of struct config, and of the last two of config_nic and policy_class. */
extern const struct section section_sockets, section_zcrx, section_nic, section_class;

/* Prints the configuration as a file that config_read() takes; comments say what it means. */
void config_print(const struct config *c, FILE *out);

#endif
