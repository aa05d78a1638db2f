/* SPDX-License-Identifier: MIT */
/*
 * The other programs of zcrxd: zcrx-pump and zcrx-hand. They are beside zcrxd, as in a build, or in
 * libexec, as they are installed.
 */
#ifndef ZCRXD_PROGRAMS_H
#define ZCRXD_PROGRAMS_H

#define PROGRAM_PUMP "zcrx-pump"
#define PROGRAM_HAND "zcrx-hand"

/* Where a program is, for free(); or NULL, and the log says why. */
char *program_path(const char *name);

/* Are both there? zcrxd serves nobody without them. Returns 0 or -ENOENT. */
int programs_check(void);

#endif
