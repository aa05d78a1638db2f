/* SPDX-License-Identifier: MIT */
/* Mistakes in a configuration: how they are told, and those that only all of it shows. */
#ifndef ZCRXD_CONFIG_CHECK_H
#define ZCRXD_CONFIG_CHECK_H

#include "policy/config.h"

struct mistakes {
	const char *path; /* of the file */
	int n;            /* told so far */
};

/* One line on stderr: where, and what. */
__attribute__((format(printf, 3, 4))) void mistake(struct mistakes *m, int line, const char *format,
						   ...);

/* Once each line is right. */
void config_check(const struct config *c, struct mistakes *m);

#endif
