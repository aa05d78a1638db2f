/* SPDX-License-Identifier: MIT */
/* The sections of zcrxd.conf with their keys, and printing a configuration by them. */
#ifndef ZCRXD_SECTIONS_H
#define ZCRXD_SECTIONS_H

#include <stdio.h>

#include "policy/config.h"
#include "policy/keys.h"

/* How the titles of [nic NAME] and [class NAME] begin. */
#define SECTION_NIC   "nic "
#define SECTION_CLASS "class "

struct section {
	const char *name; /* the section's title; NAME stands for any name */
	const struct key *keys;
	size_t n;
};

/*
 * The keys of the first three are fields of struct config, those of [nic] of struct config_nic,
 * those of [class] of struct policy_class.
 */
extern const struct section section_sockets, section_pumps, section_zcrx, section_nic,
	section_class;

/* Prints the configuration as a file that config_read() takes; comments say what it means. */
void config_print(const struct config *c, FILE *out);

#endif
