/* SPDX-License-Identifier: MIT */
/* A user to whom a test's memory is charged. */
#ifndef TESTS_DAEMON_PAYER_H
#define TESTS_DAEMON_PAYER_H

#include <stddef.h>

#include "daemon/grant/account.h"
#include "daemon/grant/files.h"

static inline struct user *payer_new(const struct limits *limits)
{
	int due[2];
	struct user *u = NULL;
	assert_int_equal(files_init(due), 0);
	assert_int_equal(user_get(&u, "payer", limits, 1000, 1, NULL), 0);
	return u;
}

static inline void payer_free(struct user *u)
{
	files_done();
	user_put(u);
	account_done();
}

#endif
