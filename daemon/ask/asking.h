/* SPDX-License-Identifier: MIT */
/*
 * What the pump has asked the broker and is not answered yet. Only ask.c, later.c, giving.c and
 * unsent.c use it, beside asking.c. The functions are called with asking.lock held.
 */
#ifndef ZCRXD_ASKING_H
#define ZCRXD_ASKING_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/queue.h>

#include "daemon/grant/account.h"
#include "daemon/link/link.h"

/* What could not be sent is tried again after so long. */
#define AGAIN_NS 20000000u

struct waiter {
	LIST_ENTRY(waiter) link;
	TAILQ_ENTRY(waiter) turn; /* in asking.line instead, while is_in_line */
	bool is_in_line;
	bool owed; /* it is one of asking.n_owed */
	uint32_t serial;
	uint16_t type;
	union link_any *reply; /* NULL: nobody waits for it, and the waiter is freed */
	int *fds;
	const int *gives; /* n_gives descriptors, which a hand is sent for the request */
	uint32_t n_gives;
	uint32_t kind; /* CHARGE: what is charged */
	uint64_t n;    /* CHARGE, FLIGHT: how much */
	bool sent;     /* the broker that there is now was sent the request */
	bool disowned; /* nobody wants the charge: it is released, and the waiter freed */
	int news;      /* eventfd, written when there is a reply; -1: a thread sleeps until then */
	int result;    /* 1: there is no reply yet */
};

struct asking {
	pthread_mutex_t lock;
	pthread_cond_t came;
	LIST_HEAD(, waiter) waiters;
	TAILQ_HEAD(waiter_line, waiter) line; /* owed requests that the broker is not asked yet */
	uint32_t n_owed;                      /* those that it was asked and has not answered */
	int link;
	uint32_t serial;
	bool broken;   /* there is no broker, perhaps for a while */
	bool given_up; /* ... and nobody waits for one */
	bool over;     /* the client has gone: the broker is asked for nothing more */
	/* What this pump has been charged and has not released: HAVE tells it to the next broker.
	 */
	uint64_t amounts[ACCOUNT_KINDS];
	uint32_t in_flight;
	/* What is less by now and it could not be told: the next message says it, too. */
	uint64_t owed[ACCOUNT_KINDS];
	uint32_t owed_landed;
};

extern struct asking asking;

/*
 * Sends a message, whose header is filled in here. Never waits: it is sent later if the link has no
 * room. Returns 0 or a negative errno.
 */
int asking_send(union link_any *m, uint16_t type, uint32_t serial);

/* What the request is to charge: CHARGE and FLIGHT. */
void asking_amount(struct waiter *w, const union link_any *m);

/* n of a kind, or n descriptors in flight, are released. */
void asking_release(uint32_t kind, uint64_t n);
void asking_landed(uint32_t n);

/* Tells what was released and could not be told, if that can be now. */
void asking_tell_owed(void);

/* The waiter gets a number, and waits for a reply from now on. */
void asking_add(struct waiter *w);

/* The waiter with that number which has no reply yet, or NULL. */
struct waiter *asking_find(uint32_t serial);

/*
 * Sends the request and waits for its reply; sends it again to a broker that takes the place of the
 * last one. Returns when there is a reply, no broker will come, or after 300 s. The lock is held
 * also while it sends: so no broker is asked anything before ask_again() has told it what there is.
 */
void asking_converse(struct waiter *w, union link_any *m);

/* The waiter, for which no thread sleeps, has no reply but this error: writes its eventfd. */
void asking_over(struct waiter *w, int error);

/* ---- later.c: requests that are owed to whatever broker there is ---- */

/* Sends what stands in the line, as far as OWED_MAX allows. */
void owed_send(void);

/* The broker has answered it, or will not. */
void owed_over(struct waiter *w);

/* Back into the line: the next broker is asked. */
void owed_return(struct waiter *w);

/* No broker will be asked: nothing stands in the line any more. */
void owed_give_up(void);

/* There is a reply that nobody wants, or will be none: releases what was charged, and frees it. */
void disowned_over(struct waiter *w);

/* ---- unsent.c: messages for which the link had no room ---- */

/* Returns 0 or a negative errno. */
int unsent_or_send(const struct msg_hdr *m);
bool unsent_any(void);

/* They were for a broker that has gone. */
void unsent_drop(void);

/* ---- giving.c: requests that nobody waits for (waiter.reply is NULL) ---- */

/* There is a reply: frees it, or sends the request once more. */
void given_over(struct waiter *w, int error);

/* Frees it with its descriptors. */
void given_free(struct waiter *w);

#endif
