/* SPDX-License-Identifier: MIT */
/* One listening socket: its file, who may connect there, and what may come before it is accepted.
 */
#ifndef ZCRXD_LISTENING_H
#define ZCRXD_LISTENING_H

#include <stdbool.h>
#include <sys/types.h>

/*
 * Makes one at the path, where a socket that nobody listens at may lie. A folder that is not there
 * is made, for everybody to look into, and stays: containers have it mounted. The file gets its
 * mode and group (-1: the process's own) before it can be connected to. `from` says where the path
 * was chosen. Returns the descriptor or a negative errno, and has said why in one line.
 */
int listening_make(const char *path, const char *from, int type, mode_t mode, gid_t group);

/* Gives a socket file that is there its mode and group. Returns 0 or a negative errno. */
int listening_give(const char *path, mode_t mode, gid_t group);

/* Sets a socket that another process made up as listening_make() does. */
void listening_adopt(int fd);

/* Can descriptors come, or have come, on this socket? True if the kernel does not tell. */
bool listening_lets_descriptors_in(int sock);

/*
 * Whether this connection was made when the kernel did not keep descriptors out yet, which it does
 * by now: of these there are no more than the listener's backlog was long.
 */
bool listening_was_open(int listener, int connection);

#endif
