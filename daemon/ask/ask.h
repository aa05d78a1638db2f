/* SPDX-License-Identifier: MIT */
/*
 * The pump's end of the link (daemon/link/link.h). The modules beside this one implement the
 * headers of daemon/grant by asking the broker.
 *
 * Any thread asks and waits for its own reply; the pump's first thread alone reads the link and
 * hands out what came.
 */
#ifndef ZCRXD_ASK_H
#define ZCRXD_ASK_H

#include <stdint.h>

#include "daemon/link/link.h"

struct user;

/* Borrows the link. Before the second thread. */
void ask_init(int link);

/*
 * Sends a request and waits for the reply: at most as long as changing a NIC may take. The header
 * is filled in. fds: what is given to a hand for it (LINK_TABLE says how many); they stay the
 * caller's. *m becomes the reply; ret_fds may be NULL for a reply without descriptors. Returns 0 or
 * the broker's error; -EPIPE without a broker, and *m is then zero.
 */
int ask(union link_any *m, uint16_t type, const int *fds, int *ret_fds);

/*
 * The same for what may take as long as a client or its peer likes: returns at once, and news
 * (eventfd, borrowed) is written when there is an answer. Without a broker, and when it goes,
 * the answer is -EPIPE. Returns 0 or a negative errno.
 */
struct ask_later;
int ask_later(struct ask_later **ret, const union link_any *m, uint16_t type, int news);

/* -EINPROGRESS; or, once, the answer: an error, or 0 and the reply's descriptor, or -1. */
int ask_look(struct ask_later *l, int *ret_fd);

/* Nobody wants to know any more. NULL is fine. */
void ask_forget(struct ask_later *l);
/* Sends a request and does not wait; nobody gets the reply. Takes the n descriptors over. */
void ask_giving(union link_any *m, uint16_t type, int *fds, uint32_t n);

/* Sends what has no reply. */
void ask_tell(union link_any *m, uint16_t type);

/* On the first thread: sends a hand what is given for the request; the socket stays the caller's.
 */
void ask_give(uint32_t serial, int sock);

/* On the first thread: a reply came; takes its descriptors over. */
void ask_replied(const union link_any *m, uint32_t len, int *fds, uint32_t nfds);

/*
 * The link is broken. Whoever waits goes on waiting: what was not answered is asked of the next
 * broker again. ask_is_answered() says no until then.
 */
void ask_break(void);

/* The next broker has the link: it is told what this pump was charged, and then asked what waits.
 */
void ask_again(void);

/* Says which files of memory are charged (LINK_HAVE_FILE). */
void ask_tell_files(void);

/* There will be none: whoever waits, or asks from now on, is told. */
void ask_give_up(void);

/* Less of a kind is charged; the broker is told, now or later. */
void ask_release(uint32_t kind, uint64_t n);
void ask_landed(uint32_t n);

/* One of a kind is not this pump's to release any more. */
void ask_part_with(uint32_t kind);

/* The client's user, to whom everything is charged. */
struct user *ask_user(void);

/* What START said. */
void ask_zcrx_refused(const char *why);
void ask_leases(bool any);

/* On the first thread. A message of the type CLASS. Returns 0 or a negative errno. */
int ask_class(const struct link_class *m);
bool ask_has_class(void);

/* On the first thread. A message of the type NEWS. */
void ask_news(const struct link_news *m);

#endif
