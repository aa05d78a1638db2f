/* SPDX-License-Identifier: MIT */
/*
 * Descriptors in flight: sent to a client, and not read yet.
 *
 * The kernel counts them for the user that sent them, zcrxd's, whoever has to read them; beyond
 * RLIMIT_NOFILE nobody is sent any more (ETOOMANYREFS). So each counts here for the user that has
 * to read it, from before it is sent until it was read or nobody can read it any more. A socket
 * with unread ones therefore outlives its session or queue: only its sender can ask whether they
 * were read (SIOCOUTQ), and a process that exits may have passed its end on.
 *
 * Any thread may call; a flight belongs to one at a time.
 */
#ifndef ZCRXD_FLIGHT_H
#define ZCRXD_FLIGHT_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "proto/msg.h"

struct flight;

/*
 * For an AF_UNIX socket (SOCK_SEQPACKET) by which descriptors go to a user of a class, `each` with
 * a message at most. NULL without memory.
 */
struct flight *flight_new(int sock, const char *class, uid_t uid, uint32_t each);

/*
 * Sends a message with m->nfds descriptors, without blocking. Returns 0 or a negative errno:
 * -EAGAIN, the socket is full; -EBUSY, there is no room for descriptors in flight, or no memory: to
 * be tried again after a while. Others mean that the socket is of no use any more.
 */
int flight_send(struct flight *f, const struct msg_hdr *m, const int *fds);

/* How many are unread, at most. Cheap if none was sent. */
uint32_t flight_unread(struct flight *f);

/*
 * The other end sees the end of file, at once; the socket is closed, as soon as nothing is unread.
 * NULL is fine.
 */
struct flight *flight_end(struct flight *f);

/* Undoes flight_new(); the socket is the caller's. NULL is fine. */
struct flight *flight_free(struct flight *f);

/*
 * What outlives its owner is looked after by one thread: from flights_open() on, which returns a
 * descriptor to be polled or a negative errno, until flights_close(). flights_look() is to be
 * called when that is readable.
 */
int flights_open(void);
void flights_look(void);
bool flights_any(void);
void flights_close(void);

#endif
