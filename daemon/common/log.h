/* SPDX-License-Identifier: MIT */
/*
 * One line to standard error; under systemd with the priority prefix of sd-daemon(3). Whatever is
 * in it stays one line of text. What clients cause goes through log_client.h.
 */
#ifndef ZCRXD_LOG_H
#define ZCRXD_LOG_H

#include <stdbool.h>

/* Before the first thread: verbose shows log_debug. */
void log_init(bool verbose);

bool log_shows(int priority);

__attribute__((format(printf, 2, 3))) void log_at(int priority, const char *format, ...);

#define log_error(...) log_at(3, __VA_ARGS__)
#define log_warn(...)  log_at(4, __VA_ARGS__)
#define log_info(...)  log_at(6, __VA_ARGS__)
#define log_debug(...) log_at(7, __VA_ARGS__)

#endif
