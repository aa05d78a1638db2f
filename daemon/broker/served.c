/* SPDX-License-Identifier: MIT */
#include "daemon/broker/served.h"

#include <signal.h>
#include <sys/pidfd.h>

#include "daemon/broker/pump.h"
#include "proto/wire.h"

void served_send(struct pump *p, struct served *s, const struct msg_hdr *request, int error)
{
	union link_any *m = &s->reply;
	m->hdr = (struct msg_hdr){.size = link_reply_bytes(request->type),
				  .type = request->type,
				  .serial = request->serial,
				  .error = error,
				  .nfds = (uint16_t)(error == 0 ? s->nfds : 0)};
	/* So many replies unread: it would wait for this one for ever. */
	if (outbox_send(&p->out, m, s->fds) < 0)
		pidfd_send_signal(p->pidfd, SIGKILL, NULL, 0);
	wire_close(s->fds, s->nfds);
}
