/* SPDX-License-Identifier: MIT */
/*
 * What clients cause to be logged: so many lines a minute for each user and cause, then a count of
 * what was left out. A flood of users shares one such share for each cause. Any thread may call.
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
	LOG_NO_RING,
	LOG_EXHAUSTED,
	LOG_RULES,
	LOG_CAUSES
};

/* Before the first client. Returns 0 or a negative errno. */
int log_client_init(void);

/* Readable when log_client_turn() is to be called, to log what was left out. now_ns: monotonic. */
int log_client_fd(void);
void log_client_turn(uint64_t now_ns);

/* Logs what was left out so far. */
void log_client_done(void);

/* priority: as with log_at(). class: "" if the user has none. */
__attribute__((format(printf, 5, 6))) void log_client(int priority, uid_t uid, const char *class,
						      enum log_cause cause, const char *format,
						      ...);

#endif
