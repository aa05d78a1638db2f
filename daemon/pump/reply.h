/* SPDX-License-Identifier: MIT */
/*
 * What a client is told on its control socket. A client that does not read its replies is hung up
 * on. While a reply could not be sent, or descriptors that came with one are unread, the session is
 * held: no further request is read.
 */
#ifndef ZCRXD_REPLY_H
#define ZCRXD_REPLY_H

#include "daemon/common/answer.h"
#include "daemon/pump/model.h"

/* An empty answer, to be filled; it uses the session's room for a reply. */
struct answer reply_begin(struct client *c);

/* Answers the request: reason 0 with what the answer has, another reason with a refusal. */
void reply_answer(struct client *c, const struct msg_hdr *request, uint32_t reason,
		  const struct answer *a);

/* Sends the reply that could not be sent before, if there is one. */
void reply_retry(struct client *c);

bool reply_holds(const struct session *s);

/* What the control socket wakes the thread for, as for epoll_ctl(2); 0: for nothing. */
void reply_watch(struct client *c, uint32_t events);

#endif
