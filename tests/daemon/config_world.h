/* SPDX-License-Identifier: MIT */
/* A configuration file and what is read of it, new for each case. */
#ifndef TESTS_DAEMON_CONFIG_WORLD_H
#define TESTS_DAEMON_CONFIG_WORLD_H

#include "policy/config.h"

#define CASE(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

extern struct config config;
extern char path[];     /* of the file */
extern char said[4096]; /* what read_text() printed to standard error */

int setup(void **state);
int teardown(void **state);

/* The class default. */
const struct policy_class *rest(void);

/* Reads the text as a configuration. Returns what config_read() does. */
int read_text(const char *text);

/* The text has to be refused, at this line (0: without one), with these words. */
void refused(const char *text, int line, const char *words);

#endif
