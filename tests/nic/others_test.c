/* SPDX-License-Identifier: MIT */
/* Whose sockets have a port. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "nic/others.h"
#include "tests/harness/harness.h"

static void a_listener_alone_is_no_ones(void **state)
{
	(void)state;
	struct sockaddr_in at;
	int listener = harness_listen(&at);
	assert_int_equal(nic_port_of_others(ntohs(at.sin_port), geteuid() + 1), 0);
	close(listener);
}

static void a_connection_is_its_users_and_outlives_the_listener(void **state)
{
	(void)state;
	struct sockaddr_in at;
	int listener = harness_listen(&at), peer = harness_connect(&at);
	int accepted = accept(listener, NULL, NULL);
	close(listener);
	assert_int_equal(nic_port_of_others(ntohs(at.sin_port), geteuid()), 0);
	assert_int_equal(nic_port_of_others(ntohs(at.sin_port), geteuid() + 1), 1);
	assert_int_equal(nic_port_of_others(ntohs(at.sin_port), (uid_t)-1), 1);
	close(accepted);
	close(peer);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_listener_alone_is_no_ones),
		cmocka_unit_test(a_connection_is_its_users_and_outlives_the_listener),
	};
	int r = nic_port_of_others(1, 0);
	if (r < 0) {
		printf("skip: no sock_diag here: %s\n", strerror(-r));
		return 77;
	}
	return cmocka_run_group_tests(tests, NULL, NULL);
}
