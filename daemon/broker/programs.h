/* SPDX-License-Identifier: MIT */
/*
 * The other programs of zcrxd, zcrx-pump and zcrx-hand, and how zcrxd starts programs. They are
 * beside zcrxd, as in a build, or in libexec, as they are installed.
 */
#ifndef ZCRXD_PROGRAMS_H
#define ZCRXD_PROGRAMS_H

#include <stdbool.h>
#include <sys/types.h>

#define PROGRAM_PUMP     "zcrx-pump"
#define PROGRAM_HAND     "zcrx-hand"
#define PROGRAM_FIRST_FD 3
#define PROGRAM_FDS_MAX  3

/* Where a program is, for free(); or NULL, and the log says why. */
char *program_path(const char *name);

/* A program that is to be started. */
struct program {
	const char *path;
	char *const *argv, *const *environment;
	/*
	 * What it gets as PROGRAM_FIRST_FD and the following numbers, in this order: borrowed, at
	 * most PROGRAM_FDS_MAX.
	 */
	const int *fds;
	unsigned nfds;
	int output;      /* its standard output, borrowed; 0: /dev/null */
	bool own_group;  /* it is in a process group of its own */
	bool has_stderr; /* it has this process's standard error */
};

/*
 * Starts the program. Its standard input, output and error (but see output and has_stderr) are
 * /dev/null: what a pump has to say for the log comes by the link, where it is counted and cleaned.
 * It has the given descriptors and no others. No signal is blocked or ignored. Returns 0 or a
 * negative errno.
 */
int program_spawn(const struct program *p, pid_t *ret);

/* Are both there? zcrxd serves nobody without them. Returns 0 or -ENOENT. */
int programs_check(void);

#endif
