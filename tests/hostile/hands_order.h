/* SPDX-License-Identifier: MIT */
/* What the test's client orders the hostile pump to do, by the client's socket. */
#ifndef TESTS_HOSTILE_HANDS_ORDER_H
#define TESTS_HOSTILE_HANDS_ORDER_H

#include <stdint.h>

#include "proto/msg.h"

#define ORDER_MAGIC 0x68616e64706f6f72ull

enum order_what {
	ORDER_BEGIN,    /* the first one, without a descriptor: those may come from now on */
	ORDER_GIVE,     /* asks for `type`, and gives what came with this */
	ORDER_KEEP,     /* asks for `type`, and gives nothing */
	ORDER_SEND_FDS, /* sends what came with this by the link itself */
	ORDER_PLACE,    /* has what came with this as its descriptor number `type` */
};

struct order {
	struct msg_hdr hdr;
	uint64_t magic;
	uint32_t what, type;
	uint64_t bytes; /* of LINK_FILE and LINK_UDMABUF */
};

/* The answer: the error of the broker's reply, or of sending. */
struct outcome {
	int64_t error;
};

#endif
