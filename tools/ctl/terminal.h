/* SPDX-License-Identifier: MIT */
/* Standard output and error, as they may go to a terminal. */
#ifndef CTL_TERMINAL_H
#define CTL_TERMINAL_H

/*
 * From now on nothing printed is obeyed by a terminal: what others chose (names of clients, of
 * processes, of interfaces, a daemon's sentences) is all through what is printed. Lines stay lines.
 * Returns 0 or a negative errno.
 */
int terminal_guard(void);

/* Empties the screen, if there is one: the only thing a terminal is told. */
void terminal_clear(void);

#endif
