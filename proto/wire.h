/* SPDX-License-Identifier: MIT */
/* One message and its file descriptors over a SOCK_SEQPACKET socket. */
#ifndef ZCRX_PROTO_WIRE_H
#define ZCRX_PROTO_WIRE_H

#include "proto/msg.h"

/* Where daemon and clients meet unless told otherwise. */
#define WIRE_SOCKET_PATH "/run/zcrxd/zcrxd.sock"
#define WIRE_STATUS_PATH "/run/zcrxd/status.sock"

/*
 * Sends m->size bytes and m->nfds descriptors, which stay the caller's. flags: those of send(2),
 * MSG_NOSIGNAL is implied. Returns 0 or a negative errno (-EAGAIN with MSG_DONTWAIT).
 */
int wire_send(int sock, const struct msg_hdr *m, const int *fds, int flags);

/*
 * Receives one datagram into m, zero behind its end. The descriptors are the caller's,
 * close-on-exec and up to MSG_FDS_MAX. Returns its length in bytes, 0 when the peer is gone, or a
 * negative errno: -EAGAIN with MSG_DONTWAIT; -EMSGSIZE for a datagram too long or with too many
 * descriptors, of which then nothing is kept; -EMFILE if this process can have no more descriptors:
 * then m is the message, and those that came with it are lost.
 */
int wire_recv(int sock, union msg_any *m, int fds[MSG_FDS_MAX], uint32_t *ret_nfds, int flags);

/* Closes n descriptors, negative ones excepted; each becomes -1. */
void wire_close(int *fds, uint32_t n);

#endif
