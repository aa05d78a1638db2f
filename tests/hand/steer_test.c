/* SPDX-License-Identifier: MIT */
/*
 * What a pump gets steered: by the real zcrx-hand, for a pump that says what it likes. The NIC is
 * made up; its rules are noted here.
 */
#include <errno.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/clock.h"
#include "daemon/broker/errand.h"
#include "daemon/grant/account.h"
#include "daemon/grant/classes.h"
#include "daemon/grant/files.h"
#include "daemon/grant/leases.h"
#include "nic/ntuple.h"
#include "policy/config.h"
#include "proto/addr.h"
#include "proto/wire.h"
#include "tests/hand/objects.h"
#include "tests/hand/ports.h"
#include "tests/harness/lone_pump.h"
#include "tests/harness/made_nic.h"

#define LEASE     1
#define LIMIT_MS  60000
#define TICK_US   5000
#define RULES_MAX 64

static bool has_ports;
static uint32_t queue;
static char state_dir[] = "/tmp/zcrxd-steer.XXXXXX";
static struct config_nic nic = {.name = MADE_NIC, .queues = {&queue, 1}};
static struct nic_rule rules[RULES_MAX]; /* that are set */
static unsigned n_rules;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER; /* the NIC's guard has a thread */

static unsigned place_of(const struct nic_rule *rule)
{
	unsigned i = 0;
	while (i < n_rules && !nic_rule_same(&rules[i], rule))
		i++;
	return i;
}

/* The guard of the NIC sets again what nic_rules_get() does not show. */
int nic_rule_add(const char *name, const struct nic_rule *rule, uint32_t *ret_location)
{
	(void)name;
	assert_true(nic_rule_can_be(rule));
	pthread_mutex_lock(&lock);
	unsigned i = place_of(rule);
	assert_true(i < RULES_MAX);
	n_rules += i == n_rules;
	rules[i] = *rule;
	pthread_mutex_unlock(&lock);
	*ret_location = rule->local_port;
	return 0;
}

int nic_rule_del(const char *name, uint32_t location, const struct nic_rule *rule)
{
	(void)name, (void)location;
	pthread_mutex_lock(&lock);
	unsigned i = place_of(rule);
	assert_true(i < n_rules);
	rules[i] = rules[--n_rules];
	pthread_mutex_unlock(&lock);
	return 0;
}

int nic_rules_del(const char *name, const struct nic_rule *some, uint32_t n)
{
	(void)name, (void)some, (void)n;
	return 0;
}

int nic_rules_get(const char *name, struct nic_rule_at **ret, uint32_t *ret_n)
{
	(void)name, (void)ret, (void)ret_n;
	return -EOPNOTSUPP;
}

static struct lone_pump lone;
static struct errands errands;
static sd_event *loop;
static uint32_t next_rule = 1;

static void say(union link_any *m, uint16_t type, uint32_t serial)
{
	assert_true(lone_pump_say(&lone, m, type, serial));
}

/* As pumps.c does when it is woken. */
static void work_look(void)
{
	if (pump_work_over(&lone.pump))
		pump_work_on(&lone.pump);
}

/* The next message to the pump, and its descriptor or -1. */
static void hear(union link_any *m, int *fd)
{
	int64_t until = clock_until(LIMIT_MS);
	int fds[MSG_FDS_MAX] = {-1}, n = -EAGAIN;
	uint32_t nfds = 0;
	while (n == -EAGAIN && clock_left(until)) {
		work_look();
		assert_true(sd_event_run(loop, TICK_US) >= 0);
		n = wire_recv(lone.end, &m->any, fds, &nfds, MSG_DONTWAIT);
	}
	assert_true(n > 0);
	*fd = nfds ? fds[0] : -1;
}

static void ask_to_steer(uint32_t serial)
{
	union link_any m = {.as_STEER = {.lease = LEASE, .rule = next_rule}};
	next_rule += LINK_RULES_MAX;
	say(&m, LINK_STEER, serial);
}

/* Gives the socket (-1: nothing) when it is told to. */
static void give(uint32_t serial, int sock)
{
	union link_any m;
	int by;
	const struct msg_hdr with = {.size = sizeof(with), .nfds = 1};
	hear(&m, &by);
	assert_int_equal(m.hdr.type, LINK_GIVE);
	assert_int_equal(m.as_GIVE.serial, serial);
	if (sock >= 0)
		assert_int_equal(wire_send(by, &with, &sock, 0), 0);
	close(by);
}

static struct link_steer_reply reply(uint32_t serial)
{
	union link_any m;
	int none;
	hear(&m, &none);
	assert_int_equal(m.hdr.serial, serial);
	assert_int_equal(m.hdr.error, 0);
	return m.re_STEER;
}

static struct link_steer_reply steer(int sock)
{
	ask_to_steer(7);
	give(7, sock);
	return reply(7);
}

static int setup(void **state)
{
	struct policy policy;
	int due[2];
	(void)state;
	has_ports = ports_begin();
	assert_non_null(mkdtemp(state_dir));
	assert_int_equal(files_init(due), 0);
	assert_int_equal(policy_init(&policy), 0);
	policy.classes->nics = (struct policy_nics){calloc(1, sizeof(struct policy_nic)), 1};
	strcpy(policy.classes->nics.nics[0].name, MADE_NIC);
	assert_int_equal(classes_set(&policy), 0);
	leases_init(&nic, state_dir);
	assert_int_equal(sd_event_new(&loop), 0);
	assert_int_equal(errands_init(&errands, loop, getenv("ZCRX_HAND")), 0);
	assert_true(lone_pump_start(&lone, loop));
	lone.pump.all_errands = &errands;
	lone.pump.wake = eventfd(0, EFD_CLOEXEC);
	union link_any m = {
		.as_LEASE = {.lease = LEASE, .n = 1, .backend = MSG_BACKEND_ZCRX, .nic = MADE_NIC}};
	int none;
	say(&m, LINK_LEASE, 1);
	hear(&m, &none);
	assert_int_equal(m.hdr.error, 0);
	m = (union link_any){.as_CHARGE = {.kind = ACCOUNT_FLOWS, .n = 4}};
	say(&m, LINK_CHARGE, 2);
	hear(&m, &none);
	assert_int_equal(m.hdr.error, 0);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	assert_true(lone_pump_end(&lone));
	assert_int_equal(n_rules, 0);
	close(lone.pump.wake);
	errands_done(&errands);
	sd_event_unref(loop);
	leases_done();
	return rmdir(state_dir);
}

static void check_rule_is_of(int sock, const struct link_steer_reply *r)
{
	struct msg_addr local = {0}, remote = {0};
	addr_of_socket(sock, &local, &remote);
	assert_string_equal(r->text, "");
	assert_int_equal(r->n, 1);
	assert_memory_equal(&r->locals[0], &local, sizeof(local));
	struct nic_rule rule = {.family = addr_family(&local),
				.local_port = local.port,
				.remote_port = remote.port};
	memcpy(rule.local, local.ip, sizeof(rule.local));
	memcpy(rule.remote, remote.ip, sizeof(rule.remote));
	pthread_mutex_lock(&lock);
	unsigned i = place_of(&rule);
	assert_true(i < n_rules);
	assert_int_equal(rules[i].socket.uid, geteuid());
	assert_true(rules[i].socket.cookie != 0);
	pthread_mutex_unlock(&lock);
}

static void a_rule_has_the_sockets_own_addresses(void **state)
{
	int pair[2];
	(void)state;
	connection(pair);
	for (int i = 0; i < 2; i++) {
		struct link_steer_reply r = steer(pair[i]);
		check_rule_is_of(pair[i], &r);
	}
	unsigned before = n_rules;
	struct link_steer_reply r = steer(pair[0]);
	assert_int_equal(r.n, 0);
	assert_string_equal(r.text, "Another flow is steered by the same addresses.");
	assert_int_equal(n_rules, before);
	close(pair[0]);
	close(pair[1]);
}

static void check_refused(int sock, const char *why)
{
	unsigned before = n_rules;
	struct link_steer_reply r = steer(sock);
	assert_string_equal(r.text, why);
	assert_int_equal(r.n, 0);
	assert_int_equal(n_rules, before);
}

static void what_is_no_socket_of_a_stream_gets_none(void **state)
{
	static const char kind[] = "Only packets of plain TCP sockets are steered.",
			  unconnected[] = "The socket is neither connected nor does it listen.";
	const struct linger off = {.l_onoff = 1};
	int pair[2], fresh = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	int udp = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	(void)state;
	connection(pair);
	check_refused(STDIN_FILENO, kind);
	check_refused(udp, kind);
	check_refused(lone.end, kind);
	check_refused(fresh, unconnected);
	setsockopt(pair[1], SOL_SOCKET, SO_LINGER, &off, sizeof(off));
	close(pair[1]); /* resets it */
	check_refused(pair[0], unconnected);
	check_refused(-1, "The pump did not give what belongs to it.");
	close(pair[0]);
	close(fresh);
	close(udp);
}

/* The broker goes on, also for this pump, and the socket gets none. */
static void one_that_keeps_its_hand_waiting_holds_nobody(void **state)
{
	int stuck[2], good[2];
	struct lock_holder h;
	(void)state;
	connection(stuck);
	connection(good);
	if (!lock_of_socket_hold(&h, stuck[0]))
		skip();
	ask_to_steer(11);
	give(11, stuck[0]);
	ask_to_steer(12);
	give(12, good[0]);
	struct link_steer_reply r = reply(12);
	check_rule_is_of(good[0], &r);
	r = reply(11);
	assert_int_equal(r.n, 0);
	assert_string_equal(r.text,
			    "The client's object kept it waiting for too long; it was given "
			    "up.");
	lock_of_socket_release(&h);
	close(good[0]);
	close(good[1]);
	close(stuck[0]);
	close(stuck[1]);
}

static void unsteer(uint32_t first, uint32_t n)
{
	union link_any m;
	int none;
	for (uint32_t i = 0; i < n; i++) {
		m = (union link_any){.as_UNSTEER = {.lease = LEASE, .rule = first + i}};
		say(&m, LINK_UNSTEER, 21);
		hear(&m, &none);
		assert_int_equal(m.hdr.error, 0);
	}
}

static const char bound_elsewhere[] =
	"The socket gets nothing from the NIC's device: it is bound to another one, or the NIC is of "
	"a VRF and the socket is not.";

static bool fares(const struct ports_case *c)
{
	int first, second;
	ports_make(c, &first, &second);
	uint32_t rule = next_rule;
	struct link_steer_reply r = steer(first);
	unsteer(rule, r.n);
	bool none = r.n == 0 && !r.each && strcmp(r.text, bound_elsewhere) == 0;
	bool is = c->fate == PORTS_WHOLE ? r.n > 0 : c->fate == PORTS_EACH ? !r.n && r.each : none;
	if (!is)
		print_message("%s: %u rules, each %u: %s\n", c->name, r.n, r.each, r.text);
	close(first);
	if (second >= 0)
		close(second);
	return is;
}

static void no_rule_takes_what_is_for_another_users_listener(void **state)
{
	unsigned wrong = 0;
	(void)state;
	if (!has_ports) {
		print_message("skip: listeners of two users take root\n");
		skip();
	}
	lone.pump.who.uid = PORTS_USER;
	for (unsigned i = 0; i < ports_n; i++)
		wrong += !fares(&ports_cases[i]);
	lone.pump.who.uid = getuid();
	assert_int_equal(wrong, 0);
}

/* On whichever device its packets come, another connection may have the same addresses elsewhere.
 */
static void a_connection_on_another_device_gets_none(void **state)
{
	int pair[2];
	(void)state;
	if (!has_ports) {
		print_message("skip: another device takes root\n");
		skip();
	}
	connection(pair);
	assert_int_equal(setsockopt(pair[0], SOL_SOCKET, SO_BINDTODEVICE, "other", 5), 0);
	check_refused(pair[0], bound_elsewhere);
	assert_int_equal(setsockopt(pair[0], SOL_SOCKET, SO_BINDTODEVICE, "lo", 2), 0);
	uint32_t rule = next_rule;
	struct link_steer_reply r = steer(pair[0]);
	check_rule_is_of(pair[0], &r);
	unsteer(rule, 1);
	close(pair[0]);
	close(pair[1]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_rule_has_the_sockets_own_addresses),
		cmocka_unit_test(what_is_no_socket_of_a_stream_gets_none),
		cmocka_unit_test(no_rule_takes_what_is_for_another_users_listener),
		cmocka_unit_test(a_connection_on_another_device_gets_none),
		cmocka_unit_test(one_that_keeps_its_hand_waiting_holds_nobody),
	};
	return cmocka_run_group_tests(tests, setup, teardown);
}
