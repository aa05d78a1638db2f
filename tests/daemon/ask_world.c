/* SPDX-License-Identifier: MIT */
#include "tests/daemon/ask_world.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "daemon/ask/ask.h"

int broker = -1;
static int pump = -1;

void broker_comes(union link_any *have)
{
	int pair[2];
	union link_any m;
	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair), 0);
	broker = pair[0];
	pump = pair[1];
	ask_init(pump);
	ask_again();
	asked(LINK_HAVE, have ? have : &m);
}

void broker_goes(void)
{
	close(broker);
	ask_break();
	close(pump);
}

uint32_t asked(uint16_t type, union link_any *m)
{
	assert_int_equal(recv(broker, m, sizeof(*m), 0), link_bytes(type));
	assert_int_equal(m->hdr.type, type);
	return m->hdr.serial;
}

void nothing_is_asked(void)
{
	union link_any m;
	assert_int_equal(recv(broker, &m, sizeof(m), MSG_DONTWAIT), -1);
	assert_int_equal(errno, EAGAIN);
}

void answer(uint32_t serial, uint16_t type, union link_any *m)
{
	union link_any plain = {.hdr.error = 0};
	m = m ? m : &plain;
	m->hdr = (struct msg_hdr){.size = link_reply_bytes(type), .type = type, .serial = serial};
	ask_replied(m, m->hdr.size, NULL, 0);
}
