/* SPDX-License-Identifier: MIT */
/*
 * What clients cause to be logged. Each user may cause 10 lines a minute for each cause; further
 * ones are left out and counted, and the count is logged. If there are too many users, all that
 * find no place share one such limit for each cause. Any thread may call.
 */
#ifndef ZCRXD_LOG_CLIENT_H
#define ZCRXD_LOG_CLIENT_H

#include <stdint.h>
#include <sys/types.h>

enum log_cause {
	LOG_CONNECTED,
	LOG_CONNECTION_REFUSED,
	LOG_REQUEST_REFUSED,
	LOG_REPLIES_UNREAD,
	LOG_EXHAUSTED,
	LOG_RULES,
	LOG_PUMP, /* how it ended */
	LOG_CAUSES
};

/* To be called before the first client. Returns 0 or a negative errno. */
int log_client_init(void);

/* The descriptor is readable when log_client_turn() is to be called. now_ns: monotonic. */
int log_client_fd(void);
void log_client_turn(uint64_t now_ns);

/* Logs the counts of what was left out so far. */
void log_client_done(void);

/* priority: as of log_at(). class: "" if the user has none. */
__attribute__((format(printf, 5, 6))) void log_client(int priority, uid_t uid, const char *class,
						      enum log_cause cause, const char *format,
						      ...);

#endif
