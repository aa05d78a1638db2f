/* SPDX-License-Identifier: MIT */
/* A folder with listening sockets and the configuration that names them, for each case anew. */
#ifndef TESTS_DAEMON_LISTENER_WORLD_H
#define TESTS_DAEMON_LISTENER_WORLD_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "daemon/broker/listener.h"
#include "policy/config.h"

enum {
	FIRST = 3 /* of systemd's descriptors; keep_passed_free() keeps this and the next free */
};

extern char dir[];
extern struct config config; /* of the case; [sockets] is in the folder */
extern struct listeners listeners;

int setup(void **state);
int teardown(void **state); /* fails if anything was left in the folder */

#define CASE(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

/* Where the paths were chosen. */
extern const char *const world_from[2];

/* A path in the folder, for free(). */
char *path_of(const char *name);
bool exists(const char *path);

/* A socket that listens at the path. */
int unix_socket(int type, const char *path);

/* Connects there and hangs up. Returns 0 or a negative errno. */
int connect_to(int type, const char *path);

/* To be called before anything is opened that stays open. */
void keep_passed_free(void);

/* Passes sockets in systemd's way: they become the descriptors FIRST, FIRST + 1 and so on. */
void pass(const char *names, const int *socks, int n);

#endif
