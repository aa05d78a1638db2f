/* SPDX-License-Identifier: MIT */
/*
 * Listeners of two users at one port: addresses, devices and groups, and whether the first one may
 * have the whole port. In a network namespace of the test's own, whose NIC is the loopback
 * interface.
 */
#ifndef TESTS_HAND_PORTS_H
#define TESTS_HAND_PORTS_H

#include <stdbool.h>

#define PORTS_USER  65531 /* the client */
#define PORTS_OTHER 65532

/* To be called first. False: not possible here (it takes root). */
bool ports_begin(void);

/* What comes of it. */
enum ports_fate {
	PORTS_WHOLE, /* a rule for the port */
	PORTS_EACH,  /* connections are steered one by one */
	PORTS_NONE,  /* neither */
};

struct ports_listener {
	const char *at; /* NULL: nobody */
	const char *device;
	bool v6only, grouped; /* grouped: SO_REUSEPORT */
	unsigned user;        /* 0: the usual one */
};

struct ports_case {
	const char *name;
	struct ports_listener first, second;
	bool kernel_refuses; /* the second one may not listen there */
	enum ports_fate fate;
};

extern const struct ports_case ports_cases[];
extern const unsigned ports_n;

/* Makes both. Fails the test on error. ret_second may get -1. */
void ports_make(const struct ports_case *c, int *ret_first, int *ret_second);

#endif
