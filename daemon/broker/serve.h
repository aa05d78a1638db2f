/* SPDX-License-Identifier: MIT */
/*
 * Serves the messages of pumps. Each is judged as if a hostile program had sent it: a pump gets no
 * more than the policy and the limits give its client.
 */
#ifndef ZCRXD_SERVE_H
#define ZCRXD_SERVE_H

#include "daemon/broker/pump.h"
#include "daemon/broker/served.h"

/*
 * Serves one message, which link_check() has found well-formed. Called on the control thread; for a
 * slow message (link_is_slow()) in a job.
 */
void serve_message(struct pump *p, const union link_any *m);

/*
 * Charges a pump that was taken over what its record says, also if that is beyond the limits by
 * now.
 */
void serve_again(struct pump *p);

/* The pump has ended: releases what it was charged. */
void serve_release(struct pump *p);

/* Notes, also in the record, that from now on the pump is charged n of the kind. */
void serve_charged_set(struct pump *p, uint32_t kind, uint64_t n);

/*
 * The handlers, one for each message of a pump, are in serve*.c; zcrxd does not link if one is
 * missing. A handler of a request returns the reply's error, 0 or a negative errno; or
 * SERVED_LATER, and then the reply is sent later (served_send()).
 */
#define HANDLER_BROKER_TELLS(handler, request)
#define HANDLER_PUMP_TELLS(handler, request) \
	void on_##handler(struct pump *p, const struct request *m);
#define HANDLER_PUMP_ASKS(handler, request) \
	int on_##handler(struct pump *p, const struct request *m, struct served *s);
#define X(name, handler, number, request, reply, least, most, back, who, ...) \
	HANDLER_##who(handler, request)
LINK_TABLE(X)
#undef X

#endif
