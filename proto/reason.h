/* SPDX-License-Identifier: MIT */
/*
 * Why something was refused: a stable number, the errno it travels with, one sentence that says
 * what to do. Numbers are never reused. A refusal may carry a more exact sentence than the table's.
 */
#ifndef ZCRX_PROTO_REASON_H
#define ZCRX_PROTO_REASON_H

#include <stdint.h>

/* NAME, number, errno, sentence */
/* clang-format off */
#define REASON_TABLE(X) \
	X(MALFORMED, 1, EBADMSG, "The message is malformed: its size, type or number of file descriptors does not fit its kind.") \
	X(VERSION, 2, EPROTO, "Client and daemon share no protocol version; install matching versions of libzcrx and zcrxd.") \
	X(STATE, 3, EPROTO, "The request is not allowed now: HELLO comes first, and only once.") \
	X(UNKNOWN_REQUEST, 4, EOPNOTSUPP, "This daemon does not know the request; it is older than the client.") \
	X(UNKNOWN_FIELD, 5, E2BIG, "The request sets fields this daemon does not know; it is older than the client.") \
	X(UNKNOWN_FLAG, 6, EINVAL, "The request sets a flag this daemon does not know.") \
	X(VALUE, 7, EINVAL, "A value in the request is out of range.") \
	X(NO_OBJECT, 8, ENOENT, "There is no such area, queue or flow in this connection.") \
	X(BUSY, 9, EBUSY, "The area is in use; close its queue first.") \
	X(FD_KIND, 10, EINVAL, "The file descriptor is of the wrong kind.") \
	X(FD_ACCESS, 11, EACCES, "The file descriptor must be open for reading and writing.") \
	X(SEALS, 12, EPERM, "The memfd needs F_SEAL_SHRINK and must carry neither F_SEAL_WRITE nor F_SEAL_FUTURE_WRITE.") \
	X(AREA_SIZE, 13, EINVAL, "The area's length must be a multiple of the page size, not zero, and not more than the file holds; that of a dma-buf is its size.") \
	X(AREA_KIND, 14, EOPNOTSUPP, "No backend can receive into this memory here; use a memfd, or a queue with zero copy.") \
	X(QUOTA, 15, EDQUOT, "A limit of your user is reached; close something or ask the administrator to raise it in zcrxd.conf.") \
	X(DAEMON_LIMIT, 16, ENOMEM, "The daemon reached a limit of memory, locked memory, file descriptors, threads or watches; zcrxctl doctor and operating.md name the limits.") \
	X(BACKEND, 17, EOPNOTSUPP, "The backend asked for is not available.") \
	X(SOCKET_KIND, 18, EPROTOTYPE, "Only TCP sockets over IPv4 or IPv6 can be received.") \
	X(SOCKET_STATE, 19, ENOTCONN, "The socket is neither connected nor, with the listen flag, listening.") \
	X(SOCKET_PROTOCOL, 20, EPROTONOSUPPORT, "The socket carries kTLS, MPTCP or another upper protocol that cannot be received this way; use plain TCP.") \
	X(SOCKET_TAKEN, 21, EALREADY, "The socket is already received on a queue.") \
	X(HOST_DENIED, 22, EPERM, "Your class gets no sockets of the daemon's network namespace; open the socket yourself, or have the administrator set host-flows= in zcrxd.conf.") \
	X(NETWORK, 23, ECONNREFUSED, "The network refused.") \
	X(KERNEL, 24, EIO, "The kernel refused an operation.") \
	X(PEER, 25, ECONNRESET, "The peer ended the stream.") \
	X(SHUTDOWN, 26, ESHUTDOWN, "The daemon is shutting down.") \
	X(NIC_GONE, 27, ENODEV, "The network interface is gone; open the queue again on another one.") \
	X(AREA_TAKEN, 28, EBUSY, "The dma-buf is an area already; one is received into only once.") \
	X(UNPLACEABLE, 29, EIO, "Part of the stream can be placed neither in the dma-buf nor beside it; switch the NIC's GRO off, or use a memfd.") \
	X(DENIED, 30, EPERM, "Your class does not allow this; the administrator says in zcrxd.conf what it may do.") \
	X(LOCAL, 31, ECONNABORTED, "The socket was shut down or destroyed on this machine; the peer did not end the stream.") \
	X(AREA_MEMORY, 32, ENOMEM, "The area's memory could not be written to: the client has never touched it, or has punched it out, or the machine or a limit has none left.") \
	X(INTRUDER, 33, EIO, "Packets that are not the client's are led to the leased hardware queue; open the queue again.")
/* clang-format on */

enum reason {
	REASON_NONE = 0,
#define X(name, number, error, text) REASON_##name = number,
	REASON_TABLE(X)
#undef X
};

/* The errno (negative) and the sentence of a reason; 0 and "" for REASON_NONE and unknown ones. */
int reason_error(uint32_t reason);
const char *reason_text(uint32_t reason);
/* The name of a reason, as logs and reports show it. */
const char *reason_name(uint32_t reason);

#endif
