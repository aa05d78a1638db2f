/* SPDX-License-Identifier: MIT */
/* This pump has one client, so there is one reader, and the broker counts what is in flight. */
#include "daemon/grant/flight_reader.h"

#include "daemon/ask/ask.h"

struct flight_reader {
	char nothing;
};

static struct flight_reader reader;

struct flight_reader *flight_reader_get(const char *class, uid_t uid)
{
	(void)class, (void)uid;
	return &reader;
}

void flight_reader_put(struct flight_reader *r)
{
	(void)r;
}

void flight_reader_release(struct flight_reader *r, uint32_t n)
{
	(void)r;
	if (n > 0)
		ask_landed(n);
}
