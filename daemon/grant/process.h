/* SPDX-License-Identifier: MIT */
/*
 * What /proc tells of processes. Only files of /proc that do not need the lock of its memory are
 * read, so the process cannot make the reader wait.
 */
#ifndef ZCRXD_PROCESS_H
#define ZCRXD_PROCESS_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

struct process {
	uint64_t started;      /* in ticks since the boot; 0: there is no such process */
	uint64_t cpu_ms;       /* user and system, of all its threads, also of those that ended */
	uint64_t memory_bytes; /* in RAM, but for what files and shared memory fill */
};

struct process process_read(pid_t pid);

/* When the process was started, as above. Returns 0 or a negative errno. */
int process_started(pid_t pid, uint64_t *ret);

/*
 * A pidfd of the process that was started then. Returns -ESRCH if it has ended: another one may
 * have its number by now. Another negative errno, for instance -EMFILE: nobody knows whether it
 * has. started 0: it is not known, and whichever process has the number is the one.
 */
int process_open(pid_t pid, uint64_t started);

/* Has the process that was started then not ended, as far as is known? */
bool process_lives(pid_t pid, uint64_t started);

/* kernel.yama.ptrace_scope: from 2 on nobody takes a descriptor of another process. -1: no Yama. */
int ptrace_scope(void);

#endif
