/* SPDX-License-Identifier: MIT */
#include "daemon/broker/served.h"

#include <sys/socket.h>

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
	/* A pump that reads no replies waits for none: it ends with its client. */
	(void)wire_send(p->sock, &m->hdr, s->fds, MSG_DONTWAIT);
	wire_close(s->fds, s->nfds);
}
