/* SPDX-License-Identifier: MIT */
/* For each case a fake, and a client of it with a queue. */
#ifndef TESTS_LIB_FIXTURE_H
#define TESTS_LIB_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "tests/lib/fake.h"

extern struct fake fake;
extern struct client client;

int fixture_setup(void **state);
int fixture_teardown(void **state);

#define FIXTURE_CASE(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)

#endif
