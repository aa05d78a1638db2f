/* SPDX-License-Identifier: MIT */
/* One message and its file descriptors over a SOCK_SEQPACKET socket. */
#ifndef ZCRX_PROTO_WIRE_H
#define ZCRX_PROTO_WIRE_H

#include "proto/msg.h"

/* Where the daemon listens and clients connect unless they are told otherwise. */
#define WIRE_SOCKET_PATH "/run/zcrxd/zcrxd.sock"
#define WIRE_STATUS_PATH "/run/zcrxd/status.sock"

/*
 * Sends m->size bytes and m->nfds descriptors, which stay the caller's. flags are those of send(2);
 * MSG_NOSIGNAL is always set. Returns 0 or a negative errno, -EAGAIN with MSG_DONTWAIT.
 */
int wire_send(int sock, const struct msg_hdr *m, const int *fds, int flags);

/*
 * Receives one datagram into *m, which is zero behind the datagram's end, and up to MSG_FDS_MAX
 * descriptors, which are close-on-exec and the caller's. Returns the datagram's length in bytes, 0
 * if the peer has closed its end, or a negative errno: -EAGAIN with MSG_DONTWAIT; -EMSGSIZE for a
 * datagram that is too long or has too many descriptors, of which nothing is kept; -EMFILE if this
 * process can have no more descriptors: then *m is the message, and its descriptors are lost.
 */
int wire_recv(int sock, union msg_any *m, int fds[MSG_FDS_MAX], uint32_t *ret_nfds, int flags);

/* Closes n descriptors, except negative ones, and sets each to -1. */
void wire_close(int *fds, uint32_t n);

#endif
