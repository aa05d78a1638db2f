/* SPDX-License-Identifier: MIT */
/*
 * What a pump asks for and says. Each message is judged as if it came from a hostile program: a
 * pump gets no more than the policy and the limits give its client.
 */
#ifndef ZCRXD_SERVE_H
#define ZCRXD_SERVE_H

#include "daemon/broker/pump.h"

/* On the control thread: a message that link_check() found well-formed, with its descriptors. */
void serve_message(struct pump *p, const union link_any *m, int *fds, uint32_t nfds);

/* On the pump's own thread, for what may take long. */
void serve_job(struct pump *p, struct job *j);

/* The process has ended: what it was charged is given back. */
void serve_release(struct pump *p);

/* Sends *m as the reply; the descriptor (or -1) stays the caller's. By any thread. */
void serve_reply(struct pump *p, union link_any *m, const struct msg_hdr *request, int error,
		 int fd);

#endif
