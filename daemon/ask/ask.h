/* SPDX-License-Identifier: MIT */
/*
 * The pump's end of the link (daemon/link/link.h). The modules beside this one implement the
 * headers of daemon/grant by asking the broker.
 *
 * Any thread may ask, but ask() waits, and only a thread that may wait calls it
 * (daemon/common/may_wait.h). Only the pump's first thread reads the link; it calls the functions
 * below that say so.
 */
#ifndef ZCRXD_ASK_H
#define ZCRXD_ASK_H

#include <stdint.h>

#include "daemon/link/link.h"

struct user;

/* Borrows the link. To be called before there is a second thread, and for each further link. */
void ask_init(int link);

/*
 * Sends a request and waits for the reply, for 300 s at most: to change a NIC may take minutes.
 * Fills in the header of *m, which becomes the reply. fds: the descriptors that a hand is sent for
 * the request (LINK_TABLE says how many), or NULL; they stay the caller's. ret_fds: gets the
 * descriptors of the reply; NULL where it has none. Returns 0 or the broker's error; or -EPIPE if
 * no broker answers, and *m is then zero.
 *
 * A request that a broker was sent and did not answer is sent to the next one: each of them comes
 * to the same then. But a queue may have been registered by ZCRX or DEVMEM, and cannot be again.
 * These return -ERESTART, and *m is zero: the caller gives the ring or the lease up and begins
 * anew.
 */
int ask(union link_any *m, uint16_t type, const int *fds, int *ret_fds);

/* What the broker said of a charge that it refused. why: LIMITS_SAID_BYTES, or NULL. */
void ask_why(char *why, const struct link_text *reply);

/*
 * The same for what may take as long as a client or its peer likes. Returns at once, 0 or a
 * negative errno; `news` (eventfd, borrowed) is written when there is an answer. If the broker goes
 * before, the answer is -EPIPE, and no other broker is asked.
 */
struct ask_later;
int ask_later(struct ask_later **ret, const union link_any *m, uint16_t type, int news);

/*
 * The same for what has to be done by this broker or by one that comes: the answer is -EPIPE only
 * if no broker will come. Some of these requests are sent at a time, in their order. fd: what a
 * hand is sent for the request, borrowed until the answer is there or ask_forget(); or -1. The
 * reply has no descriptor. Returns 0 or -ENOMEM.
 */
int ask_owed(struct ask_later **ret, const union link_any *m, uint16_t type, int fd, int news);

/*
 * Returns -EINPROGRESS; or the answer, an error or 0. With 0 *ret_fd is the reply's descriptor,
 * which only the first call returns, or -1.
 */
int ask_look(struct ask_later *l, int *ret_fd);

/* The reply, once ask_look() has an answer; zero if the answer is -EPIPE. */
const union link_any *ask_reply(const struct ask_later *l);

/* Frees it; an answer that comes later is dropped. NULL is fine. */
void ask_forget(struct ask_later *l);

/*
 * The same for CHARGE and FLIGHT: what was charged is released, also if the answer comes later.
 */
void ask_disown(struct ask_later *l);

/*
 * Sends a request and does not wait. If it is refused, it is sent again, some times. Takes over the
 * n descriptors, which a hand is sent for the request.
 */
void ask_giving(union link_any *m, uint16_t type, int *fds, uint32_t n);

/* Sends a message that has no reply. */
void ask_tell(union link_any *m, uint16_t type);

/*
 * None of these waits until the broker reads. What the link has no room for the first thread sends:
 * ask_unsent_open() returns a descriptor, which is readable when there is something, or -1. Then
 * ask_send_unsent() is to be called when the link has room, until ask_has_unsent() returns false.
 */
int ask_unsent_open(void);
bool ask_has_unsent(void);
void ask_send_unsent(void);

/*
 * On the first thread: sends the descriptors of the request with this serial to a hand, by a socket
 * that stays the caller's.
 */
void ask_give(uint32_t serial, int sock);

/* On the first thread: a reply came; takes its descriptors over. */
void ask_replied(const union link_any *m, uint32_t len, int *fds, uint32_t nfds);

/*
 * There is no broker any more. Threads that wait for a reply go on waiting: the next broker is
 * asked again what was not answered. ask_is_answered() returns false until then.
 */
void ask_break(void);
bool ask_is_answered(void);

/* Tells the broker that the client has gone: from now on it is asked for nothing. */
void ask_over(void);

/*
 * The next broker has the link: tells it what this pump was charged. Then threads that wait ask it.
 */
void ask_again(void);

/* Tells the broker which files of memory are charged (LINK_HAVE_FILE). */
void ask_tell_files(void);

/*
 * No broker will come, or this one cannot be asked: who waits for a reply, and who asks from now
 * on, gets -EPIPE, until ask_break(). account_is_closed() returns true until then.
 */
void ask_give_up(void);

/* Releases n of a kind, or n descriptors in flight. A broker that is away learns it by HAVE. */
void ask_release(uint32_t kind, uint64_t n);
void ask_landed(uint32_t n);

/* The broker keeps the dma-buf with this number, and the charge of one area goes with it. */
void ask_keep(uint32_t id);

/* The client's user, to whom everything is charged. */
struct user *ask_user(void);

/* What START said: why nobody gets zcrx, or ""; whether there are queues to lease. */
void ask_zcrx_refused(const char *why);
void ask_leases(bool any);

/* On the first thread: CLASS came. Returns 0 or a negative errno. Has all of a class come? */
int ask_class(const struct link_class *m);
bool ask_has_class(void);

/* On the first thread: NEWS came. */
void ask_news(const struct link_news *m);

#endif
