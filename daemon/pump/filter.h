/* SPDX-License-Identifier: MIT */
/* The third layer of the sandbox: a list of the system calls that a pump needs. */
#ifndef ZCRXD_FILTER_H
#define ZCRXD_FILTER_H

/* In a program that is built, this stands for the process that loads it. */
#define FILTER_OWN_PID 0x7a1d5e1fu

enum filter_rings {
	FILTER_RINGS_HERE, /* io_uring_setup() is allowed */
	FILTER_RINGS_MADE, /* another process makes them (maker.h) */
};

/*
 * Allows the calling thread, and those it starts, the calls of the list in filter_make.c only. Any
 * other ends the process by SIGSYS, after a line in the log that says which. Needs no_new_privs.
 * FILTER_RINGS_MADE: *ret_calls is where whoever makes rings reads of calls of io_uring_setup();
 * this process has no other such descriptor, and must not keep it. Otherwise -1. Returns 0,
 * -EOPNOTSUPP if this kernel has no seccomp filters, -EBUSY if somebody else reads of calls of this
 * process already, or a negative errno.
 */
int filter_enter(enum filter_rings rings, int *ret_calls);

/* The same for the process that makes rings; any other call ends it. */
int filter_enter_maker(void);

#endif
