/* SPDX-License-Identifier: MIT */
/*
 * Writes lines to standard error; under systemd each has the priority prefix of sd-daemon(3). A
 * control character in a message becomes '?', so that a message stays one line. What clients cause
 * to be logged goes through log_client.h.
 */
#ifndef ZCRXD_LOG_H
#define ZCRXD_LOG_H

#include <stdarg.h>
#include <stdbool.h>

/* Called before there are threads, then by any. verbose: shows lines of priority 7, too. */
void log_init(bool verbose);

/* Is a line of this priority shown? */
bool log_shows(int priority);

/* priority: as of syslog(3), 3 to 7. What is too long is cut. */
__attribute__((format(printf, 2, 0))) void log_at_list(int priority, const char *format,
						       va_list args);
__attribute__((format(printf, 2, 3))) void log_at(int priority, const char *format, ...);

#define log_error(...) log_at(3, __VA_ARGS__)
#define log_warn(...)  log_at(4, __VA_ARGS__)
#define log_info(...)  log_at(6, __VA_ARGS__)

#endif
