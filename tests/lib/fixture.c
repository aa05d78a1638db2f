/* SPDX-License-Identifier: MIT */
#include "tests/lib/fixture.h"

struct fake fake;
struct client client;

int fixture_setup(void **state)
{
	(void)state;
	fake_start(&fake);
	client_open(&client, &fake);
	return 0;
}

int fixture_teardown(void **state)
{
	(void)state;
	zcrx_close(client.z);
	fake_stop(&fake);
	return 0;
}
