/* SPDX-License-Identifier: MIT */
/* A link whose broker is the test itself: it reads what the pump asks for, and answers. */
#ifndef TESTS_DAEMON_ASK_WORLD_H
#define TESTS_DAEMON_ASK_WORLD_H

#include <stdint.h>

#include "daemon/link/link.h"

extern int broker; /* its end of the link */

/* A new broker is there, and was told what the pump has: *have, if given. */
void broker_comes(union link_any *have);
void broker_goes(void);

/* The next message, which has to be of this type. Returns its serial number. */
uint32_t asked(uint16_t type, union link_any *m);
void nothing_is_asked(void);
/* m: the reply but for its header, which is made; NULL: nothing but that. */
void answer(uint32_t serial, uint16_t type, union link_any *m);

#endif
