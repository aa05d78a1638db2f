/* SPDX-License-Identifier: MIT */
/*
 * The real broker, and a pump that was taken over, which has a file of a FUSE that answers nothing:
 * whoever closes it waits for ever. Others must not notice, and SIGTERM ends the broker.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "daemon/link/link.h"
#include "daemon/link/start.h"
#include "proto/wire.h"
#include "tests/hand/objects.h"
#include "tests/hostile/hands_order.h"
#include "tests/hostile/raw.h"
#include "tests/hostile/world.h"

#define BYTES     4096
#define AREA      65536
#define ALL_HANDS 8 /* of one user */
#define PLACES \
	2 /* where a pump has the file instead; a hand of the next broker gets stuck by each */
#define STOP_MS 15000 /* pumps have 5 s */

static const char *file; /* of the FUSE */
static int trap = -1;    /* it; nobody here closes it while its server answers nothing */
static pid_t keeper;     /* has it, too */
static bool has_option;  /* the kernel knows SO_PASSRIGHTS */
static char other[64];   /* the socket of another class */

static void tell(const struct raw *r, enum order_what what, uint16_t type, int fd)
{
	const struct order o = {.hdr = {.size = sizeof(o), .nfds = fd >= 0},
				.magic = ORDER_MAGIC,
				.what = what,
				.type = type,
				.bytes = BYTES};
	raw_send(r, &o, sizeof(o), &fd, fd >= 0);
}

static int64_t hear(const struct raw *r)
{
	struct outcome out;
	struct pollfd in = {.fd = r->sock, .events = POLLIN};
	assert_int_equal(poll(&in, 1, WORLD_PATIENCE_MS), 1);
	assert_int_equal(recv(r->sock, &out, sizeof(out), 0), sizeof(out));
	return out.error;
}

static int64_t order(const struct raw *r, enum order_what what, uint16_t type, int fd)
{
	tell(r, what, type, fd);
	return hear(r);
}

static void connect_to_hostile(struct raw *r)
{
	raw_connect_mutely(r);
	assert_int_equal(order(r, ORDER_BEGIN, 0, -1), 0);
}

/* The same user, but another class. */
static void connect_to_hostile_of_other(struct raw *r)
{
	struct sockaddr_un at = {.sun_family = AF_UNIX};
	memcpy(at.sun_path, other, sizeof(other));
	*r = (struct raw){.sock = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0)};
	assert_int_equal(connect(r->sock, (struct sockaddr *)&at, sizeof(at)), 0);
	assert_int_equal(order(r, ORDER_BEGIN, 0, -1), 0);
}

/* The neighbour goes on, and somebody else comes and gets a queue. */
static void others_are_served(void)
{
	struct raw r;
	struct raw_queue q;
	world_is_well();
	raw_connect(&r);
	raw_queue_open(&q, &r, AREA, 0, 0);
	raw_queue_drop(&q);
	raw_close(&r);
}

static void what_is_a_memfd_is_charged(void **state)
{
	struct raw r;
	(void)state;
	connect_to_hostile(&r);
	int memfd = raw_memfd(BYTES);
	assert_int_equal(order(&r, ORDER_GIVE, LINK_FILE, memfd), 0);
	int pair[2];
	assert_int_equal(pipe2(pair, O_CLOEXEC), 0);
	assert_int_equal(order(&r, ORDER_GIVE, LINK_FILE, pair[0]), -EINVAL);
	assert_int_equal(order(&r, ORDER_KEEP, LINK_FILE, -1), -ETIMEDOUT);
	close(pair[0]);
	close(pair[1]);
	close(memfd);
	raw_close(&r);
}

static void no_descriptor_comes_by_the_link(void **state)
{
	struct raw r;
	(void)state;
	connect_to_hostile(&r);
	if (has_option)
		assert_int_equal(order(&r, ORDER_SEND_FDS, 0, trap), -EPERM);
	else
		tell(&r, ORDER_SEND_FDS, 0, trap); /* it ends for that, and the client with it */
	others_are_served();
	raw_close(&r);
}

static void a_file_that_cannot_be_closed_holds_a_hand_only(void **state)
{
	struct raw r, neighbour;
	(void)state;
	connect_to_hostile(&r);
	for (int i = 1 + PLACES; i < ALL_HANDS; i++) {
		uint16_t type = i % 2 ? LINK_FILE : LINK_UDMABUF;
		assert_int_equal(order(&r, ORDER_GIVE, type, trap), -EINVAL);
	}
	others_are_served();
	/* Now as many hands are stuck as the user may have, and its next one waits. */
	assert_int_equal(order(&r, ORDER_GIVE, LINK_FILE, trap), -EINVAL);
	tell(&r, ORDER_GIVE, LINK_FILE, trap);
	world_is_well();
	/* A class shares none with another one, although the uid is the same. */
	int memfd = raw_memfd(BYTES);
	connect_to_hostile_of_other(&neighbour);
	assert_int_equal(order(&neighbour, ORDER_GIVE, LINK_FILE, memfd), 0);
	raw_close(&neighbour);
	close(memfd);
	assert_int_equal(hear(&r), -EBUSY);
	raw_close(&r);
}

/* What a broker that comes wants of these pumps is the file: they cannot be taken over. */
static void place_the_file(const struct raw pumps[PLACES], int fd)
{
	tell(&pumps[0], ORDER_PLACE, START_NEXT, fd);
	tell(&pumps[1], ORDER_PLACE, START_REPORT, fd);
}

/*
 * Opens the file, which can be opened once, in another process. A child of this one, the next
 * broker, would close it before it is executed.
 */
static void keep_file(const struct raw pumps[PLACES], int to)
{
	const struct msg_hdr m = {.size = sizeof(m), .nfds = 1};
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	int fd = open(file, O_RDWR | O_CLOEXEC);
	place_the_file(pumps, fd);
	wire_send(to, &m, &fd, 0);
	for (;;)
		pause();
}

static void the_next_broker_takes_no_file_that_cannot_be_closed(void **state)
{
	struct raw pumps[PLACES];
	union msg_any m;
	int pair[2], fds[MSG_FDS_MAX];
	uint32_t n;
	(void)state;
	connect_to_hostile(&pumps[0]);
	connect_to_hostile(&pumps[1]);
	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair), 0);
	keeper = fork();
	if (keeper == 0)
		keep_file(pumps, pair[1]);
	assert_int_equal(hear(&pumps[0]), 0);
	assert_int_equal(hear(&pumps[1]), 0);
	harness_broker_kill(&zcrxd, 0);
	others_are_served();
	assert_true(wire_recv(pair[0], &m, fds, &n, 0) > 0 && n == 1);
	trap = fds[0];
	close(pair[0]);
	close(pair[1]);
	raw_close(&pumps[0]);
	raw_close(&pumps[1]);
}

static bool is_upgraded(void)
{
	usleep(50000); /* an upgrade waits for who reads the status */
	char *status = world_status();
	bool is = strstr(status, "\"done\":1,") != NULL;
	free(status);
	return is;
}

static void an_upgrade_takes_no_file_that_cannot_be_closed(void **state)
{
	struct raw pumps[PLACES], slow;
	(void)state;
	connect_to_hostile(&pumps[0]);
	connect_to_hostile(&pumps[1]);
	connect_to_hostile_of_other(&slow);
	place_the_file(pumps, trap);
	assert_int_equal(hear(&pumps[0]), 0);
	assert_int_equal(hear(&pumps[1]), 0);
	int hands = harness_hands(&zcrxd);
	tell(&slow, ORDER_KEEP, LINK_FILE, -1); /* a hand waits for what it gives */
	WORLD_UNTIL(harness_hands(&zcrxd) > hands);
	assert_int_equal(kill(zcrxd.pid, SIGUSR2), 0);
	WORLD_UNTIL(is_upgraded());
	assert_true(world_logged("the upgrade waits for client ") > 0);
	assert_true(world_logged("is waited for no longer: its pump was just started, or a hand") >
		    0);
	others_are_served();
	raw_close(&slow);
	raw_close(&pumps[0]);
	raw_close(&pumps[1]);
}

static void sigterm_ends_it_all_the_same(void **state)
{
	(void)state;
	uint64_t until = harness_now_ms() + STOP_MS;
	world_stop();
	assert_true(harness_now_ms() < until);
}

static bool option_is_known(void)
{
	int value = 0, sock = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
	bool known = setsockopt(sock, SOL_SOCKET, 83, &value, sizeof(value)) == 0;
	close(sock);
	return known;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(what_is_a_memfd_is_charged, world_is_empty),
		/* From here on pumps do not end, either: they have the file. */
		cmocka_unit_test(the_next_broker_takes_no_file_that_cannot_be_closed),
		cmocka_unit_test(no_descriptor_comes_by_the_link),
		cmocka_unit_test(a_file_that_cannot_be_closed_holds_a_hand_only),
		cmocka_unit_test(an_upgrade_takes_no_file_that_cannot_be_closed),
		cmocka_unit_test(sigterm_ends_it_all_the_same),
	};
	struct fuse *fuse = geteuid() == 0 ? fuse_start(&file) : NULL;
	if (!fuse) {
		print_message("skip: no file system of FUSE can be mounted here\n");
		return 77;
	}
	has_option = option_is_known();
	char config[256];
	snprintf(other, sizeof(other), "/tmp/zcrxd-hands-%d", (int)getpid());
	snprintf(config, sizeof(config),
		 "[class default]\nudmabuf=yes\nrequests-per-second=100000\n"
		 "[class other]\nsocket=%s\n",
		 other);
	world_start(config);
	int failed = cmocka_run_group_tests(tests, NULL, NULL);
	fuse_end(fuse);
	if (keeper > 0) {
		kill(keeper, SIGKILL);
		waitpid(keeper, NULL, 0);
	}
	return failed;
}
