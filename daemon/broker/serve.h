/* SPDX-License-Identifier: MIT */
/*
 * What a pump asks for and says. Each message is judged as if it came from a hostile program: a
 * pump gets no more than the policy and the limits give its client.
 */
#ifndef ZCRXD_SERVE_H
#define ZCRXD_SERVE_H

#include "daemon/broker/pump.h"

/*
 * A message that link_check() found well-formed, with its descriptors, which stay the caller's. On
 * the control thread, or, if it is slow (link_is_slow()), on the pump's own.
 */
void serve_message(struct pump *p, const union link_any *m, const int *fds);

/* The process has ended: what it was charged is given back. */
void serve_release(struct pump *p);

/* Sends *m as the reply; the descriptor (or -1) stays the caller's. By any thread. */
void serve_reply(struct pump *p, union link_any *m, const struct msg_hdr *request, int error,
		 int fd);

/* What is asked for with a message, and what is answered. */
struct served {
	const int *fds;       /* that came with it, borrowed */
	union link_any reply; /* zero before the handler fills it in */
	int fd;               /* goes with the reply and is closed then; -1: none goes */
};

/*
 * The handlers, one for each message of a pump, in serve.c and serve_lease.c; zcrxd does not link
 * without one of them. A handler of what is asked for returns the reply's error, 0 or a negative
 * errno; or SERVED_LATER, and then calls serve_reply() itself, later.
 */
#define SERVED_LATER 1
#define HANDLER_BROKER_TELLS(handler, request)
#define HANDLER_PUMP_TELLS(handler, request) \
	void on_##handler(struct pump *p, const struct request *m, const int *fds);
#define HANDLER_PUMP_ASKS(handler, request) \
	int on_##handler(struct pump *p, const struct request *m, struct served *s);
#define X(name, handler, number, request, reply, least, most, back, who, ...) \
	HANDLER_##who(handler, request)
LINK_TABLE(X)
#undef X

#endif
