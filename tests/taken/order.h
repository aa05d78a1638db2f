/* SPDX-License-Identifier: MIT */
/* What the test's client tells a pump that it has taken over, over the client's socket. */
#ifndef TESTS_TAKEN_ORDER_H
#define TESTS_TAKEN_ORDER_H

#include <stdint.h>

#include "daemon/link/link.h"
#include "tests/sandbox/attack.h"

/* AREA_DEL with this number takes the pump over; from then on it takes orders only. */
#define TAKE_OVER 0x7a6b3c5du
/* AREA_DEL with this number has the pump use all memory that it gets. */
#define TAKE_MEMORY 0x7a6b3c5eu

/* What no terminal of an administrator's is to see. */
#define ESCAPE "\x1b]0;taken\n"

enum order_what {
	ORDER_KEEP_FDS, /* what comes with it gets the numbers FD_TCP4 and so on */
	ORDER_RINGS,    /* makes rings; do they take what they are for? 0, or a negative errno */
	ORDER_ATTACK,   /* attack number n */
	ORDER_ASK,      /* asks the broker `m`, which has n descriptors (FD_MEMFD) */
	ORDER_OPEN,     /* opens descriptors until it may open no more; how many it has then */
	ORDER_MAP,      /* maps memory until it may map no more; how many bytes that was */
	ORDER_WRITE,    /* writes escape sequences to its standard error */
	ORDER_SEND,     /* sends the first n bytes of `m` on the link, as they are */
	ORDER_TRAP,     /* keeps the file that comes with it, if any, for enum trap n */
	ORDER_STEER,  /* asks the broker to steer that file as a socket, to lease n, by the rule of
			 `m`; how many rules it set */
	ORDER_RESUME, /* takes no more orders: what the client asks for is done as ever */
};

/* What it does with a file that keeps others waiting. */
enum trap {
	TRAP_NOTHING,
	TRAP_LOCK, /* reads it while it has the lock of the ring that is to be registered */
	TRAP_RING, /* names it in the place of that ring */
};

struct taken_order {
	enum order_what what;
	uint32_t n;
	uint32_t type;
	struct world world;
	union link_any m;
};

struct outcome {
	int64_t result;   /* 0 or more: it got through; or a negative errno */
	union link_any m; /* ORDER_ASK, ORDER_STEER: the reply */
};

#endif
