/* SPDX-License-Identifier: MIT */
/* What a client is told when it does not get what it asked for. */
#ifndef ZCRXD_REFUSE_H
#define ZCRXD_REFUSE_H

#include "proto/msg.h"

/* error 0 and text NULL: those that go with the reason. Type and serial are the caller's. */
void refuse_make(union msg_any *m, uint32_t reason, int error, const char *text);

/* Tells the client why it cannot be served, before it said HELLO. text "": that of the reason. */
void refuse_connection(int sock, uint32_t reason, const char *text);

#endif
