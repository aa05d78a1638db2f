/* SPDX-License-Identifier: MIT */
/*
 * Pumps that were taken over and have hardware queues, under the real broker. What a hand has to
 * touch for them keeps it waiting for ever: nobody else notices. They ask for rules for sockets of
 * others. For the VM, with zc0.
 */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "nic/ntuple.h"
#include "tests/hand/objects.h"
#include "tests/harness/fds.h"
#include "tests/hostile/world.h"
#include "tests/taken/sockets.h"
#include "tests/taken/take.h"

enum {
	AREA = 256 * 1024,
	LEASE = 1, /* of a pump's first queue */
	OTHER_UID = 65533,
	STOP_MS = 60000, /* pumps have 5 s; the machine is emulated */
};

static const char config[] = "[sockets]\nstate=/tmp\n"
			     "[nic zc0]\nqueues=1-6\nlinger-seconds=0\n"
			     "[class default]\nnics=zc0\nsessions=16\nqueues=16\nareas=16\n"
			     "leases-per-minute=1000000\nrequests-per-second=100000\n";

static const char config_of_two[] = "[sockets]\nstate=/tmp\n"
				    "[nic zc0]\nqueues=1-6\nlinger-seconds=0\n"
				    "[class default]\nnics=zc0\nsessions=16\nqueues=2\nareas=16\n"
				    "leases-per-minute=1000000\nrequests-per-second=100000\n";

static const struct msg_queue_open zcrx = {.backend = MSG_BACKEND_ZCRX};

/* Somebody comes and gets a hardware queue; the neighbour goes on. */
static void others_are_served(void)
{
	struct raw r;
	struct raw_queue q;
	world_is_well();
	raw_connect(&r);
	raw_queue_wish(&q, &r, AREA, zcrx);
	raw_queue_drop(&q);
	raw_close(&r);
}

static int processes(void)
{
	pid_t all[64];
	return harness_daemon_processes(&zcrxd, all, 64);
}

/* Asks for a hardware queue, and does not wait for the reply. */
static void queue_ask(struct taken *t)
{
	int memfd = raw_memfd(AREA);
	raw_touch(memfd, 0, AREA);
	union msg_any m = {.queue_open = zcrx};
	m.queue_open.area_id = raw_area_add(&t->r, memfd, AREA);
	m.hdr = (struct msg_hdr){.size = sizeof(m.queue_open),
				 .type = MSG_QUEUE_OPEN,
				 .serial = ++t->r.serial};
	raw_send(&t->r, &m, sizeof(m.queue_open), NULL, 0);
	close(memfd);
}

static void is_refused(struct taken *t)
{
	union msg_any m;
	int fds[MSG_FDS_MAX];
	raw_receive(&t->r, &m, fds);
	assert_int_equal(m.hdr.type, MSG_QUEUE_OPEN);
	if (m.hdr.error >= 0)
		fail_msg("it has a queue of backend %u", m.queue_open_reply.backend);
	print_message("refused: %s\n", m.fail.text);
}

static void take_over(struct taken *t)
{
	raw_connect(&t->r);
	taken_begin(t);
}

static void trap(struct taken *t, enum trap what, int file)
{
	const struct taken_order o = {.what = ORDER_TRAP, .n = what};
	assert_int_equal(fds_send(t->r.sock, &o, sizeof(o), &file, 1, 0), 0);
}

static void a_ring_whose_lock_is_held_holds_nobody_else(void **state)
{
	struct taken t;
	struct stat st;
	const char *name;
	(void)state;
	struct fuse *fuse = fuse_start_unreadable(&name);
	assert_non_null(fuse);
	/* stat() has the kernel ask for the file's size, too. */
	int before = processes();
	int file = stat(name, &st) < 0 ? -1 : open(name, O_RDONLY | O_CLOEXEC);
	assert_true(file >= 0);
	take_over(&t);
	trap(&t, TRAP_LOCK, file);
	assert_int_equal(taken_outcome(&t), 0);
	taken_resume(&t);
	queue_ask(&t);
	others_are_served();
	is_refused(&t); /* its hand is given up, and cannot end */
	assert_true(harness_hands(&zcrxd) > 0);
	others_are_served();
	harness_broker_kill(&zcrxd, 0);
	others_are_served();
	queue_ask(&t);
	is_refused(&t);
	/* All of it goes with the client and its file system. */
	raw_close(&t.r);
	others_are_served();
	close(file);
	fuse_end(fuse);
	/* One that came before may have been about to end. */
	WORLD_UNTIL(harness_hands(&zcrxd) == 0 && processes() <= before);
}

/* The file can be opened once, and a child of this process, the next broker, would close it. */
static _Noreturn void keep(const char *name, struct taken *ring, struct taken *sock)
{
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	int file = open(name, O_RDWR | O_CLOEXEC);
	trap(ring, TRAP_RING, file);
	trap(sock, TRAP_NOTHING, file);
	for (;;)
		pause();
}

static void files_that_are_no_ring_and_no_socket_hold_nobody(void **state)
{
	struct taken ring, sock;
	const char *name;
	(void)state;
	struct fuse *fuse = fuse_start(&name);
	assert_non_null(fuse);
	raw_connect(&sock.r);
	raw_queue_wish(&sock.q, &sock.r, AREA, zcrx);
	taken_begin(&sock);
	take_over(&ring);
	pid_t keeper = fork();
	if (keeper == 0)
		keep(name, &ring, &sock);
	assert_int_equal(taken_outcome(&ring), 0);
	assert_int_equal(taken_outcome(&sock), 0);
	taken_resume(&ring);
	queue_ask(&ring);
	is_refused(&ring);
	others_are_served();
	const struct taken_order steer = {.what = ORDER_STEER, .n = LEASE};
	assert_true(taken_order(&sock, &steer, NULL, 0) <= 0);
	assert_true(harness_hands(&zcrxd) > 0);
	others_are_served();
	harness_broker_kill(&zcrxd, 0);
	others_are_served();
	/* With pumps and hands that cannot end. */
	uint64_t until = harness_now_ms() + STOP_MS;
	world_stop();
	assert_true(harness_now_ms() < until);
	raw_queue_drop(&sock.q);
	raw_close(&sock.r);
	raw_close(&ring.r);
	fuse_end(fuse);
	kill(keeper, SIGKILL);
	waitpid(keeper, NULL, 0);
}

/* ---- rules ---- */

/* How many rules of the NIC lead packets to this local port; the last one is *ret. */
static uint32_t rules_to(uint16_t port, struct nic_rule *ret)
{
	struct nic_rule_at *all = NULL;
	struct nic_rule rule;
	uint32_t n = 0, found = 0;
	assert_int_equal(nic_rules_get("zc0", &all, &n), 0);
	for (uint32_t i = 0; i < n; i++)
		if (nic_rule_is_plain(&all[i], &rule) && rule.local_port == port) {
			*ret = rule;
			found++;
		}
	free(all);
	return found;
}

/* Has the pump ask for rules for this file, -1: for none; they are gone afterwards. */
static const struct link_steer_reply *steer(struct taken *t, int file, struct nic_rule *ret)
{
	static struct link_steer_reply reply;
	struct taken_order o = {.what = ORDER_TRAP, .n = TRAP_NOTHING};
	uint16_t port = file < 0 ? 0 : sockets_port(file);
	assert_int_equal(taken_order(t, &o, &file, file >= 0), 0);
	o = (struct taken_order){.what = ORDER_STEER, .n = LEASE, .m.as_STEER.rule = 2000};
	int64_t n = taken_order(t, &o, NULL, 0);
	reply = t->got.m.re_STEER;
	print_message("%d rules: %s\n", (int)n, reply.text);
	assert_int_equal(n, reply.n);
	assert_int_equal(rules_to(port, ret), n);
	o = (struct taken_order){.what = ORDER_ASK, .type = LINK_UNSTEER};
	o.m.as_UNSTEER = (struct link_rule){.lease = LEASE, .rule = 2000};
	assert_int_equal(taken_order(t, &o, NULL, 0), n > 0 ? 0 : -ENOENT);
	assert_int_equal(rules_to(port, &(struct nic_rule){0}), 0);
	return &reply;
}

static void gets_none(struct taken *t, int file)
{
	struct nic_rule rule;
	assert_int_equal(steer(t, file, &rule)->n, 0);
	if (file >= 0)
		close(file);
}

/* Whoever was passed a connection can read it: its packets, and no others, may be steered. */
static void gets_its_connection(struct taken *t, const struct sockets_pair *c)
{
	struct nic_rule rule;
	assert_int_equal(steer(t, c->accepted, &rule)->n, 1);
	assert_int_equal(rule.remote_port, sockets_port(c->connected));
}

/* A listener alone may be: all that come can be accepted by it. Not with what others accepted. */
static void gets_a_port_that_nobody_uses(struct taken *t)
{
	struct nic_rule rule;
	struct sockets_pair c;
	int listener = sockets_listen(SOCKETS_HERE);
	assert_int_equal(steer(t, listener, &rule)->n, 1);
	assert_int_equal(rule.remote_port, 0);
	sockets_connect(&c, listener);
	const struct link_steer_reply *reply = steer(t, listener, &rule);
	assert_int_equal(reply->n, 0);
	assert_int_equal(reply->each, 1);
	gets_its_connection(t, &c);
	close(listener);
	sockets_close(&c);
}

/*
 * Of a container's sockets: the port of a listener of the client's own user. Of another user's, of
 * whose connections the kernel does not tell, the connection that it was passed.
 */
static void gets_no_port_of_anothers_in_a_container(struct taken *t)
{
	struct nic_rule rule;
	struct sockets_pair c;
	int before = sockets_behind_netkit();
	int others = sockets_listen(SOCKETS_BEHIND);
	sockets_connect(&c, others);
	sockets_user(geteuid());
	int own = sockets_listen(SOCKETS_BEHIND);
	sockets_back(before);
	const struct link_steer_reply *reply = steer(t, others, &rule);
	assert_int_equal(reply->n, 0);
	assert_int_equal(reply->each, 1);
	gets_its_connection(t, &c);
	assert_int_equal(steer(t, own, &rule)->n, 1);
	assert_int_equal(rule.remote_port, 0);
	close(others);
	close(own);
	sockets_close(&c);
}

static void gets(struct taken *t, int file, uint32_t n, uint32_t each)
{
	struct nic_rule rule;
	const struct link_steer_reply *reply = steer(t, file, &rule);
	assert_int_equal(reply->n, n);
	assert_int_equal(reply->each, each);
}

/* Of a VRF and beside it others may have the same addresses and ports. */
static void gets_what_comes_by_the_nic_to_its_own_device(struct taken *t)
{
	struct sockets_pair c;
	sockets_vrf_make();
	int listener = sockets_listen(SOCKETS_HERE);
	sockets_connect(&c, listener);
	sockets_bind_to(listener, "blue");
	gets(t, listener, 0, 0);
	sockets_vrf_has_nic(true);
	gets(t, listener, 0, 1);
	gets(t, c.accepted, 0, 0);
	sockets_bind_to(c.accepted, "blue");
	gets_its_connection(t, &c);
	sockets_vrf_has_nic(false);
	gets(t, c.accepted, 0, 0);
	close(listener);
	sockets_close(&c);
}

static void it_gets_no_rule_for_what_is_not_its_own(void **state)
{
	struct taken t;
	struct sockets_pair c;
	(void)state;
	struct taken_order hosted = {.what = ORDER_ASK, .type = LINK_STEER};
	hosted.m.as_STEER = (struct link_steer){.lease = LEASE, .rule = 2000, .host = 1};
	raw_connect(&t.r);
	raw_queue_wish(&t.q, &t.r, AREA, zcrx);
	taken_begin(&t);
	sockets_user(OTHER_UID);
	/* None; of zcrxd's that it has not; what is none; one that is not connected. */
	gets_none(&t, -1);
	assert_true(taken_order(&t, &hosted, NULL, 0) < 0 || t.got.m.re_STEER.n == 0);
	gets_none(&t, socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
	gets_none(&t, socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
	gets_none(&t, sockets_listen("203.0.113.7")); /* an address that this machine has not */
	gets_a_port_that_nobody_uses(&t);
	/* In a network namespace where somebody has given himself this machine's address. */
	int before = sockets_elsewhere();
	int listener = sockets_listen(SOCKETS_HERE);
	sockets_connect(&c, listener);
	sockets_back(before);
	gets_none(&t, listener);
	gets_none(&t, c.accepted);
	gets_none(&t, c.connected);
	gets_no_port_of_anothers_in_a_container(&t);
	gets_what_comes_by_the_nic_to_its_own_device(&t);
	taken_resume(&t);
	raw_queue_drop(&t.q);
	raw_close(&t.r);
	others_are_served();
}

/* ---- leases ---- */

static int64_t lease(struct taken *t, uint32_t id)
{
	struct taken_order o = {.what = ORDER_ASK, .type = LINK_LEASE};
	o.m.as_LEASE = (struct link_lease){.lease = id, .n = 1, .backend = MSG_BACKEND_ZCRX};
	return taken_order(t, &o, NULL, 0);
}

static int64_t lease_end(struct taken *t, uint32_t id)
{
	const struct taken_order o = {.what = ORDER_ASK,
				      .type = LINK_LEASE_END,
				      .m.as_LEASE_END.id = id};
	return taken_order(t, &o, NULL, 0);
}

/*
 * Its class has two queues, of which the neighbour has one. It says that it has given its own back,
 * and keeps the ring open.
 */
static void it_has_no_more_queues_than_its_class(void **state)
{
	struct taken t;
	(void)state;
	raw_connect(&t.r);
	raw_queue_wish(&t.q, &t.r, AREA, zcrx);
	taken_begin(&t);
	assert_int_equal(lease_end(&t, LEASE), 0);
	assert_int_equal(lease_end(&t, LEASE), -ENOENT);
	assert_int_equal(lease(&t, 2), -EDQUOT);
	harness_broker_kill(&zcrxd, 0);
	assert_int_equal(lease(&t, 2), -EDQUOT);
	taken_resume(&t);
	raw_queue_drop(&t.q);
	raw_close(&t.r);
	others_are_served();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(it_gets_no_rule_for_what_is_not_its_own),
		cmocka_unit_test(a_ring_whose_lock_is_held_holds_nobody_else),
		cmocka_unit_test(files_that_are_no_ring_and_no_socket_hold_nobody),
	};
	const struct CMUnitTest of_two[] = {
		cmocka_unit_test(it_has_no_more_queues_than_its_class),
	};
	world_start(config_of_two);
	int failed = cmocka_run_group_tests(of_two, NULL, NULL);
	world_stop();
	world_start(config);
	return failed + cmocka_run_group_tests(tests, NULL, NULL);
}
