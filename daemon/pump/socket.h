/* SPDX-License-Identifier: MIT */
/*
 * TCP sockets that clients hold too. Everything here may wait for the socket's lock, which a client
 * can hold for as long as it likes: only for that client's own thread.
 */
#ifndef ZCRXD_SOCKET_H
#define ZCRXD_SOCKET_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "proto/msg.h"

/* Why the socket cannot be received; REASON_NONE: it can. */
uint32_t socket_check(int sock, bool listening);

/* SO_COOKIE, 0 if there is none. */
uint64_t socket_cookie(int sock);

/*
 * Why did a receive find the end of the stream? bytes: how many were read from the socket so far.
 * 0: the peer sent FIN; -ESHUTDOWN: this side was shut down for reading; -ECONNRESET: the
 * connection was reset or gave up, and somebody else took the error of that (SO_ERROR, a send that
 * failed). Where nobody can tell it is 0: the connection was closed altogether before its first
 * byte was counted, or somebody else read from the socket.
 */
int socket_end(int sock, uint64_t bytes);

/* Bytes that wait to be read. */
uint64_t socket_unread(int sock);

/*
 * Bytes of the stream that were read from the socket so far, whoever did it. Of a connection that
 * is closed altogether, one less than that if the peer had sent no FIN.
 */
uint64_t socket_taken(int sock);

/*
 * Limits the memory for payload that waits in the socket, unless the kernel's own limit is lower.
 * has_one: the socket has such a limit already, by an earlier call or from its listener. Returns
 * whether the socket has such a limit now.
 */
bool socket_limit(int sock, uint64_t bytes, bool has_one);

/* Is the size of its receive buffer fixed, by whomsoever? */
bool socket_is_limited(int sock);

/* Has the kernel tune its receive buffer again. Before Linux 5.14 it stays as it is. */
void socket_unlimit(int sock);

/* The socket's low-water mark: it is readable when so many bytes are there, or its window closes.
 */
uint32_t socket_mark(int sock);
void socket_set_mark(int sock, uint32_t bytes);

/* Its receive window as the peer was told last. */
uint32_t socket_window(int sock);

/* Wakes whoever waits for the socket, if there is something to read or the stream has ended. */
void socket_nudge(int sock);

/*
 * Closes the descriptor, and returns -1. With abort the connection is reset, whoever else holds it.
 * Lingering is switched off first: it would make close() wait as long as its owner asked for.
 */
int socket_drop(int sock, bool abort);

/* Resets the connection, whoever else holds it; what it has not delivered is freed. */
void socket_abort(int sock);

#endif
