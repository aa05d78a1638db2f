/* SPDX-License-Identifier: MIT */
/*
 * The ring-maker. Where the kernel cannot restrict all rings of a task beforehand (restrict.h,
 * before Linux 7.2) the pump may make no ring. Another process makes its rings: a child of the
 * pump's, in a sandbox of its own, which restricts each ring before the pump has it.
 *
 * The pump sends the maker what the ring is to be (the wish), and calls io_uring_setup(). The
 * filter (filter.h) has the kernel hand the call to the maker, which makes the ring and answers the
 * call with the ring's descriptor. So the pump never has a ring that is not restricted. It takes
 * neither ptrace nor a message with a ring in it, which the kernel forbids.
 */
#ifndef ZCRXD_MAKER_H
#define ZCRXD_MAKER_H

/* Starts the maker. To be called while there is one thread. Returns 0 or a negative errno. */
int maker_start(void);

/*
 * Gives the maker `calls`, by which it reads the calls that this process's filter hands over, and
 * closes it: no other descriptor of it may be in this process. From then on uring.h has rings made
 * by the maker. With -1: ends the maker instead. Returns 0 or a negative errno.
 */
int maker_serve(int calls);

#endif
