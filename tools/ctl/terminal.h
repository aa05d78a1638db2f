/* SPDX-License-Identifier: MIT */
/* Guards standard output and standard error, which may be a terminal. */
#ifndef CTL_TERMINAL_H
#define CTL_TERMINAL_H

/*
 * Cleans everything that is printed from now on, so that a terminal obeys none of it: names of
 * clients, processes and interfaces, and sentences of a daemon, are chosen by others. Lines stay
 * lines. Returns 0 or a negative errno.
 */
int terminal_guard(void);

/*
 * Writes what was printed on standard output and is not written yet. Returns 0, or a negative errno
 * if that or anything before it could not be written.
 */
int terminal_flush(void);

/* Clears the screen if there is one, past the guard. */
void terminal_clear(void);

#endif
