/* SPDX-License-Identifier: MIT */
/*
 * Descriptors in flight: those that were sent to a client and that it has not read yet.
 *
 * The kernel counts them for the user who sent them, which is zcrxd's; beyond RLIMIT_NOFILE zcrxd
 * can send none to anybody (ETOOMANYREFS). So zcrxd counts each for the user who has to read it,
 * from before it is sent until it is read or nobody can read it any more. A socket that holds
 * unread descriptors therefore outlives its session or queue: only its sender can ask whether they
 * were read (SIOCOUTQ), and a process that exits may have passed its end of the socket on.
 *
 * A user can have 1024 unread at most, and never more than an eighth of what is left over. So a new
 * client gets some, although many others read nothing.
 *
 * A *flight* is such a socket. Any thread may call; a flight belongs to one thread at a time.
 */
#ifndef ZCRXD_FLIGHT_H
#define ZCRXD_FLIGHT_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "proto/msg.h"

struct flight;

/*
 * Makes the flight of an AF_UNIX socket (SOCK_SEQPACKET) by which descriptors are sent to a user of
 * a class, at most `each` in a message. news: eventfd, borrowed until flight_end(); or -1. Returns
 * NULL if there is no memory.
 */
struct flight *flight_new(int sock, const char *class, uid_t uid, uint32_t each, int news);

/*
 * Sends a message with m->nfds descriptors, without blocking. Returns 0 or a negative errno.
 * -EAGAIN: the socket is full. -EINPROGRESS: the broker is being asked whether more descriptors may
 * be in flight; to be tried again when the eventfd is written. -EBUSY: they may not, or there is no
 * memory; to be tried again after a while. After any other errno the socket is of no use any more.
 */
int flight_send(struct flight *f, const struct msg_hdr *m, const int *fds);

/* How many descriptors may be unread, at most. Cheap if none was sent. */
uint32_t flight_unread(struct flight *f);

/* Are fewer than `most` unread? What was read is not released yet: flight_send() may follow. */
bool flight_has_room(struct flight *f, uint32_t most);

/* Releases what was read or was charged ahead: nothing is about to be sent. NULL is fine. */
void flight_rest(struct flight *f);

/* Is the broker being asked? NULL is fine. */
bool flight_is_asking(const struct flight *f);

/*
 * The other end sees the end of file at once. The socket is closed as soon as no descriptor is
 * unread. NULL is fine.
 */
struct flight *flight_end(struct flight *f);

/* Undoes flight_new(). The socket stays the caller's. NULL is fine. */
struct flight *flight_free(struct flight *f);

/*
 * One thread looks after flights that outlived their session or queue. flights_open() returns a
 * descriptor or a negative errno; flights_look() is to be called when that descriptor is readable.
 */
int flights_open(void);
void flights_look(void);
bool flights_any(void);

#endif
