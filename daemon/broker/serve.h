/* SPDX-License-Identifier: MIT */
/*
 * What a pump asks for and says. Each message is judged as if it came from a hostile program: a
 * pump gets no more than the policy and the limits give its client.
 */
#ifndef ZCRXD_SERVE_H
#define ZCRXD_SERVE_H

#include "daemon/broker/pump.h"
#include "daemon/broker/served.h"

/*
 * A message that link_check() found well-formed. On the control thread, or, if it is slow
 * (link_is_slow()), on the pump's own.
 */
void serve_message(struct pump *p, const union link_any *m);

/* What the record says that a pump of the broker before was charged, whatever the limits are now.
 */
void serve_again(struct pump *p);

/* The process has ended: what it was charged is given back. */
void serve_release(struct pump *p);

/* What the pump is charged of the kind from now on, also in its record. */
void serve_charged_set(struct pump *p, uint32_t kind, uint64_t n);

/*
 * The handlers, one for each message of a pump, in serve*.c; zcrxd does not link
 * without one of them. A handler of what is asked for returns the reply's error, 0 or a negative
 * errno; or SERVED_LATER, and then the reply is sent later (served_send()).
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
