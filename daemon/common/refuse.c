/* SPDX-License-Identifier: MIT */
#include "daemon/common/refuse.h"

#include <stdio.h>
#include <sys/socket.h>

#include "proto/reason.h"
#include "proto/text.h"
#include "proto/wire.h"

void refuse_make(union msg_any *m, uint32_t reason, int error, const char *text)
{
	struct msg_fail *fail = &m->fail;
	*fail = (struct msg_fail){.reason = reason};
	fail->hdr.error = error ? error : reason_error(reason);
	snprintf(fail->text, sizeof(fail->text), "%s", text ? text : reason_text(reason));
	text_clean(fail->text, ""); /* it may have been cut within a character */
	fail->hdr.size = sizeof(*fail);
}

void refuse_connection(int sock, uint32_t reason, const char *text)
{
	union msg_any m;
	refuse_make(&m, reason, 0, *text ? text : NULL);
	m.hdr.type = MSG_HELLO;
	m.hdr.serial = 1;
	wire_send(sock, &m.hdr, NULL, MSG_DONTWAIT);
	/* Were anything left unread in the end, the client would see a reset before this. */
	shutdown(sock, SHUT_RD);
	while (recv(sock, &m, sizeof(m), MSG_DONTWAIT) > 0)
		;
}
