/* SPDX-License-Identifier: MIT */
/* What the broker gives a pump that keeps to nothing: messages as pump_watch.c hands them over. */
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/clock.h"
#include "base/fd.h"
#include "daemon/broker/held.h"
#include "daemon/broker/record.h"
#include "daemon/broker/record_file.h"
#include "daemon/broker/serve.h"
#include "daemon/broker/serve_lease.h"
#include "daemon/broker/serve_lease_news.h"
#include "daemon/broker/serve_slow.h"
#include "daemon/common/log.h"
#include "daemon/grant/account.h"
#include "daemon/grant/classes.h"
#include "daemon/grant/files.h"
#include "daemon/grant/kernel.h"
#include "daemon/grant/lease.h"
#include "daemon/grant/leased.h"
#include "daemon/grant/leases.h"
#include "daemon/grant/log_client.h"
#include "daemon/grant/rule.h"
#include "daemon/grant/rules.h"
#include "policy/config.h"
#include "proto/reason.h"
#include "proto/wire.h"
#include "tests/harness/lone_pump.h"
#include "tests/harness/made_nic.h"

static struct lone_pump lone;
static sd_event *loop;

static const char *zcrx_refused; /* by the kernel, which is made up */
static char why[LINK_TEXT_BYTES];
static char state_dir[] = "/tmp/zcrxd-serve.XXXXXX";

const char *kernel_refuses_zcrx(void)
{
	return zcrx_refused;
}

static void backends_set(uint32_t backends)
{
	struct policy policy;
	assert_int_equal(policy_init(&policy), 0);
	policy.classes->host = POLICY_HOST_YES;
	policy.classes->backends = backends;
	policy.classes->nics = (struct policy_nics){calloc(1, sizeof(struct policy_nic)), 1};
	strcpy(policy.classes->nics.nics[0].name, MADE_NIC);
	assert_int_equal(classes_set(&policy), 0);
}

static int setup(void **state)
{
	(void)state;
	backends_set(BACKENDS_ALL);
	assert_int_equal(sd_event_new(&loop), 0);
	assert_true(lone_pump_start(&lone, loop));
	lone.pump.who.pid = 4711;
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	assert_true(lone_pump_end(&lone));
	sd_event_unref(loop);
	return 0;
}

static void say(union link_any *m, uint16_t type)
{
	assert_true(lone_pump_say(&lone, m, type, link_is_asked(type) ? 7 : 0));
}

/* The reply's error, or its descriptor; 0 without one. -EAGAIN: there is no reply. */
static int answer(union link_any *m, uint16_t type)
{
	int fds[MSG_FDS_MAX];
	uint32_t nfds = 0;
	int n = wire_recv(lone.end, &m->any, fds, &nfds, MSG_DONTWAIT);
	if (n < 0)
		return n;
	assert_int_equal(link_check_reply(m, (uint32_t)n, nfds, type), 0);
	return m->hdr.error ? m->hdr.error : nfds ? fds[0] : 0;
}

static int ask(union link_any m, uint16_t type)
{
	say(&m, type);
	return answer(&m, type);
}

static void charge(enum account_kind kind, uint64_t n)
{
	union link_any m = {.as_CHARGE = {.kind = kind, .n = n}};
	assert_int_equal(ask(m, LINK_CHARGE), 0);
}

static void release(enum account_kind kind, uint64_t n)
{
	union link_any m = {.as_RELEASE = {.kind = kind, .n = n}};
	say(&m, LINK_RELEASE);
}

static const struct msg_addr loopback = {.family = 4, .ip = {127, 0, 0, 1}};
static const struct msg_addr discard = {.family = 4, .port = 9, .ip = {127, 0, 0, 1}};

static int listen_host(void)
{
	return ask((union link_any){.as_HOST_LISTEN = {.local = loopback}}, LINK_HOST_LISTEN);
}

static int open_host(uint32_t id, const struct msg_addr *to)
{
	return ask((union link_any){.as_HOST_OPEN = {.id = id, .remote = *to}}, LINK_HOST_OPEN);
}

/* A rule of such a socket's addresses would steer what is not its own. */
static void what_can_be_no_connection_is_refused(void **state)
{
	struct msg_addr port_0 = discard;
	const struct msg_addr six = {.family = 6, .port = 9, .ip = {[15] = 1}};
	const struct msg_addr mapped = {.family = 6, .ip = {[10] = 0xff, 0xff, 127, 0, 0, 1}};
	(void)state;
	port_0.port = 0;
	charge(ACCOUNT_FLOWS, 2);
	assert_int_equal(open_host(1, &port_0), -EINVAL);
	assert_int_equal(open_host(1, &(struct msg_addr){.family = 0}), -EINVAL);
	assert_int_equal(ask((union link_any){.as_HOST_OPEN = {.id = 1,
							       .local = mapped,
							       .remote = six}},
			     LINK_HOST_OPEN),
			 -EINVAL);
}

static void a_socket_of_the_host_is_charged_first(void **state)
{
	(void)state;
	assert_int_equal(listen_host(), -EDQUOT);
	assert_int_equal(open_host(1, &discard), -EDQUOT);
	charge(ACCOUNT_FLOWS, 2);
	assert_int_equal(listen_host(), -EDQUOT); /* a listener is one, too */
	charge(ACCOUNT_LISTENERS, 2);
	int first = listen_host();
	assert_true(first >= 0);
	assert_int_equal(open_host(1, &discard), 0);
	assert_int_equal(open_host(2, &discard), -EDQUOT);
	assert_int_equal(listen_host(), -EDQUOT);
	/* One flow is over, and another one begins. */
	release(ACCOUNT_FLOWS, 1);
	assert_int_equal(open_host(2, &discard), -EDQUOT);
	charge(ACCOUNT_FLOWS, 1);
	assert_int_equal(open_host(2, &discard), 0);
	assert_int_equal(open_host(3, &discard), -EDQUOT);
	/* Those two are there still, whatever it says of its flows. */
	release(ACCOUNT_FLOWS, 1);
	charge(ACCOUNT_FLOWS, 1);
	assert_int_equal(open_host(3, &discard), -EDQUOT);
	close(first);
}

int __real_listen(int sock, int backlog);
int __wrap_listen(int sock, int backlog);

static unsigned listened; /* times */

int __wrap_listen(int sock, int backlog)
{
	listened++;
	return __real_listen(sock, backlog);
}

/* Says that it has no listener any more, and is to have another one. */
static int listen_host_again(void)
{
	release(ACCOUNT_FLOWS, 1);
	release(ACCOUNT_LISTENERS, 1);
	charge(ACCOUNT_FLOWS, 1);
	charge(ACCOUNT_LISTENERS, 1);
	return listen_host();
}

/* The limit of a user, whatever its pump says that it has given back. */
static void a_socket_of_the_host_counts_until_nobody_has_it(void **state)
{
	enum {
		MOST = 64 /* listeners of a user by default */
	};
	int socks[MOST];
	(void)state;
	charge(ACCOUNT_FLOWS, 1);
	charge(ACCOUNT_LISTENERS, 1);
	for (int i = 0; i < MOST; i++) {
		socks[i] = listen_host_again();
		assert_true(socks[i] >= 0);
	}
	unsigned n = listened;
	assert_int_equal(listen_host_again(), -EDQUOT);
	assert_int_equal(listened, n); /* nobody could connect to it */
	int again = dup(socks[0]);
	close(socks[0]);
	assert_int_equal(listen_host_again(), -EDQUOT);
	close(again);
	socks[0] = listen_host_again();
	assert_true(socks[0] >= 0);
	for (int i = 0; i < MOST; i++)
		close(socks[i]);
}

/* The broker before had not read that a listener is gone. */
static void a_pump_that_was_taken_over_has_what_it_says(void **state)
{
	union link_any have = {.as_HAVE.amounts = {[ACCOUNT_FLOWS] = 1, [ACCOUNT_LISTENERS] = 1}};
	int socks[3];
	(void)state;
	charge(ACCOUNT_FLOWS, 2);
	charge(ACCOUNT_LISTENERS, 2);
	socks[0] = listen_host();
	socks[1] = listen_host();
	lone.pump.taken = true;
	say(&have, LINK_HAVE);
	charge(ACCOUNT_FLOWS, 1);
	charge(ACCOUNT_LISTENERS, 1);
	socks[2] = listen_host();
	for (int i = 0; i < 3; i++) {
		assert_true(socks[i] >= 0);
		close(socks[i]);
	}
	assert_int_equal(listen_host(), -EDQUOT);
}

static int listener(struct msg_addr *at)
{
	struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t bytes = sizeof(a);
	int sock = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_int_equal(bind(sock, (struct sockaddr *)&a, bytes), 0);
	assert_int_equal(listen(sock, 1), 0);
	assert_int_equal(getsockname(sock, (struct sockaddr *)&a, &bytes), 0);
	*at = loopback;
	at->port = ntohs(a.sin_port);
	return sock;
}

static int connect_host(uint32_t id)
{
	union link_any m = {.as_HOST_CONNECT = {.id = id}};
	int r = ask(m, LINK_HOST_CONNECT);
	for (int i = 0; r == -EAGAIN && i < 100; i++) {
		sd_event_run(loop, 10000);
		r = answer(&m, LINK_HOST_CONNECT);
	}
	return r;
}

/* Whoever gets the socket may wait in its calls, and it is connected to where it was to be. */
static void a_connection_is_handed_over_once_it_is_made(void **state)
{
	struct msg_addr at;
	int peer = listener(&at);
	char text[2];
	(void)state;
	charge(ACCOUNT_FLOWS, 2);
	assert_int_equal(open_host(1, &at), 0);
	assert_int_equal(open_host(1, &at), -EINVAL);
	assert_int_equal(connect_host(2), -ENOENT);
	int sock = connect_host(1), accepted = accept(peer, NULL, NULL);
	assert_true(sock >= 0 && accepted >= 0);
	assert_int_equal(fcntl(sock, F_GETFL) & O_NONBLOCK, 0);
	assert_int_equal(send(accepted, "ok", 2, 0), 2);
	assert_int_equal(recv(sock, text, 2, MSG_WAITALL), 2);
	assert_int_equal(connect_host(1), -ENOENT);
	close(peer);
	assert_int_equal(open_host(1, &at), 0);
	assert_int_equal(connect_host(1), -ECONNREFUSED);
	close(sock);
	close(accepted);
}

/* The peer's backlog is full: it does not answer. */
static void a_connection_that_is_given_up_is_answered_no_more(void **state)
{
	struct msg_addr at;
	int peer = listener(&at), fillers[3];
	union link_any m = {.as_HOST_CONNECT = {.id = 1}}, e = {.as_HOST_END = {.id = 1}};
	struct sockaddr_in a = {.sin_family = AF_INET,
				.sin_port = htons(at.port),
				.sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	(void)state;
	for (int i = 0; i < 3; i++) {
		fillers[i] = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
		(void)connect(fillers[i], (struct sockaddr *)&a, sizeof(a));
	}
	charge(ACCOUNT_FLOWS, 1);
	assert_int_equal(open_host(1, &at), 0);
	assert_int_equal(ask(m, LINK_HOST_CONNECT), -EAGAIN);
	assert_int_equal(ask(m, LINK_HOST_CONNECT), -ENOENT); /* once */
	say(&e, LINK_HOST_END);
	assert_int_equal(ask(m, LINK_HOST_CONNECT), -ENOENT);
	sd_event_run(loop, 10000);
	assert_int_equal(answer(&m, LINK_HOST_CONNECT), -EAGAIN);
	for (int i = 0; i < 3; i++)
		close(fillers[i]);
	close(peer);
}

/* A lease that was taken for one backend is no way to the other. */
static void backends_are_judged_when_a_queue_is_registered(void **state)
{
	union link_any m = {.as_DEVMEM = {.lease = 1}};
	(void)state;
	assert_int_equal(ask(m, LINK_DEVMEM), -ENOENT);
	backends_set(BACKEND_BIT_COPY);
	say(&m, LINK_DEVMEM);
	assert_int_equal(answer(&m, LINK_DEVMEM), -EACCES);
	assert_non_null(strstr(m.re_DEVMEM.text, "backends="));
	assert_int_equal(ask((union link_any){.as_ZCRX = {.lease = 1}}, LINK_ZCRX), -EACCES);
	backends_set(BACKENDS_ALL);
}

static void nobody_gets_zcrx_of_a_kernel_with_holes(void **state)
{
	union link_any zcrx = {.as_ZCRX = {.lease = 1}};
	(void)state;
	assert_int_equal(ask(zcrx, LINK_ZCRX), -ENOENT);
	zcrx_refused = "It has holes.";
	say(&zcrx, LINK_ZCRX);
	assert_int_equal(answer(&zcrx, LINK_ZCRX), -EACCES);
	assert_string_equal(zcrx.re_ZCRX.text, zcrx_refused);
	assert_int_equal(ask((union link_any){.as_DEVMEM = {.lease = 1}}, LINK_DEVMEM), -ENOENT);
	zcrx_refused = NULL;
}

/* Queues that are leased were charged, but for the one that is being opened. */
static void a_lease_is_charged_as_a_queue(void **state)
{
	union link_any m = {.as_LEASE = {.n = 1, .backend = MSG_BACKEND_DEVMEM}};
	union link_any over = {.as_LEASE_END = {.id = 1}};
	(void)state;
	m.as_LEASE.lease = 1;
	assert_int_equal(ask(m, LINK_LEASE), 0);
	m.as_LEASE.lease = 2;
	assert_int_equal(ask(m, LINK_LEASE), -EDQUOT);
	charge(ACCOUNT_QUEUES, 1);
	assert_int_equal(ask(m, LINK_LEASE), -EBUSY); /* the NIC has one */
	assert_int_equal(ask(over, LINK_LEASE_END), 0);
	assert_int_equal(ask(m, LINK_LEASE), 0);
	over.as_LEASE_END.id = 2;
	assert_int_equal(ask(over, LINK_LEASE_END), 0);
}

/* As the broker has it done: on another thread. */
static void say_slow(union link_any m, uint16_t type)
{
	m.hdr = (struct msg_hdr){.size = link_bytes(type), .type = type, .serial = 7};
	serve_slow(&lone.pump, &m);
}

/* The same as answer(), but waits for it. */
static int answer_wait(uint16_t type)
{
	union link_any m;
	int r;
	while ((r = answer(&m, type)) == -EAGAIN) {
		if (pump_work_over(&lone.pump))
			pump_work_on(&lone.pump);
		usleep(1000);
	}
	return r;
}

/* As before leases_settle(), or after it: then the kernel is asked who has the queue. */
static void nic_is_settled(bool settled)
{
	struct leases *nic = leases_at(0);
	pthread_mutex_lock(&nic->guard.lock);
	nic->guard.begun = settled;
	if (settled)
		leases_look_leaving(nic);
	pthread_mutex_unlock(&nic->guard.lock);
}

/*
 * The next broker knows of the leases what the record says. What this one knows of the NIC goes
 * with it.
 */
static void broker_is_killed(void)
{
	struct held_lease *h;
	bool bound = made_nic_bound;
	made_nic_bound = false;
	while ((h = LIST_FIRST(&lone.pump.leases))) {
		LIST_REMOVE(h, link);
		h->lease->leaving.hand = 0;
		lease_end(h->lease);
		pthread_mutex_lock(&leases_at(0)->guard.lock);
		leases_look_leaving(leases_at(0));
		pthread_mutex_unlock(&leases_at(0)->guard.lock);
		free(h);
	}
	made_nic_bound = bound;
	nic_is_settled(false);
	serve_lease_again(&lone.pump);
	serve_lease_again_ended(&lone.pump);
	nic_is_settled(true);
}

static const union link_any lease_1 = {
	.as_LEASE = {.lease = 1, .n = 1, .backend = MSG_BACKEND_DEVMEM}};
static const union link_any end_1 = {.as_LEASE_END = {.id = 1}};

static void record_begin(void)
{
	struct record record = {.pump = getpid(), .who = lone.pump.who};
	assert_int_equal(record_write(&lone.pump.record, state_dir, &record), 0);
}

static void record_end(void)
{
	serve_lease_end_all(&lone.pump);
	lone.pump.record = record_close(lone.pump.record);
	record_remove(state_dir, getpid());
}

/* The NIC has one queue, and this pump has given it back: does the broker let it have it again? */
static bool has_left(void)
{
	usleep(10000); /* what the kernel said is good for 5 ms: leaving.c */
	int r = ask(lease_1, LINK_LEASE);
	assert_true(r == 0 || r == -EBUSY);
	if (r == 0)
		assert_int_equal(ask(end_1, LINK_LEASE_END), 0);
	return r == 0;
}

/* The broker's loop does this when the pump's eventfd is written. */
static void news_come(void)
{
	serve_lease_news(&lone.pump);
	while (lone.pump.n_working > 0)
		pump_work_over(&lone.pump);
}

static bool found(struct record *r, struct record_file *f, int pidfd, void *data)
{
	(void)r, (void)f, (void)pidfd;
	++*(int *)data;
	return false; /* it is removed */
}

/* Another process may have that number, and have been started at that time after the boot. */
static void a_record_of_another_boot_is_nobodys(void **state)
{
	struct record record = {.pump = getpid(), .who = lone.pump.who};
	struct record_file *file;
	char path[64];
	int n = 0;
	(void)state;
	assert_int_equal(record_write(&file, state_dir, &record), 0);
	record_close(file);
	records_read(state_dir, found, &n);
	assert_int_equal(n, 1);
	assert_int_equal(record_write(&file, state_dir, &record), 0);
	record_close(file);
	snprintf(path, sizeof(path), "%s/%d", state_dir, (int)getpid());
	int fd = open(path, O_RDWR | O_CLOEXEC);
	assert_int_equal(pwrite(fd, "x", 1, offsetof(struct record_page, boot)), 1);
	close(fd);
	records_read(state_dir, found, &n);
	assert_int_equal(n, 1);
	assert_int_equal(access(path, F_OK), -1);
}

static struct rlimit descriptors;

/* So many more descriptors can be made. */
static void descriptors_left(unsigned n)
{
	int next = fcntl(0, F_DUPFD_CLOEXEC, 0);
	assert_true(next >= 0);
	close(next);
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &descriptors), 0);
	assert_int_equal(setrlimit(RLIMIT_NOFILE,
				   &(struct rlimit){(rlim_t)next + n, descriptors.rlim_max}),
			 0);
}

static void descriptors_again(void)
{
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &descriptors), 0);
}

/* One descriptor is the folder's; then the record's, a pidfd, and a file of /proc are missing. */
static void a_record_that_cannot_be_judged_stays(void **state)
{
	struct record record = {.pump = getpid(), .who = lone.pump.who};
	struct record_file *file;
	int n = 0;
	(void)state;
	assert_int_equal(record_write(&file, state_dir, &record), 0);
	record_close(file);
	for (unsigned i = 1; i <= 3; i++) {
		descriptors_left(i);
		uint32_t left = records_read(state_dir, found, &n);
		descriptors_again();
		assert_int_equal(left, 1);
		assert_int_equal(n, 0);
	}
	assert_int_equal(records_read(state_dir, found, &n), 0);
	assert_int_equal(n, 1);
}

/* It may say so of a ring that it keeps open. Its number for the lease may be used again. */
static void a_lease_ends_when_the_kernel_says_so(void **state)
{
	(void)state;
	record_begin();
	assert_int_equal(ask(lease_1, LINK_LEASE), 0);
	made_nic_bound = true;
	assert_int_equal(ask(end_1, LINK_LEASE_END), 0);
	assert_null(held_get(&lone.pump, 1));
	assert_false(has_left());
	broker_is_killed();
	assert_int_equal(ask(end_1, LINK_LEASE_END), -ENOENT);
	assert_false(has_left());
	news_come();
	assert_non_null(LIST_FIRST(&lone.pump.leases));
	made_nic_bound = false;
	assert_true(has_left());
	news_come();
	assert_null(LIST_FIRST(&lone.pump.leases));
	record_end();
}

static const union link_any lease_2 = {
	.as_LEASE = {.lease = 2, .n = 1, .backend = MSG_BACKEND_DEVMEM}};

/* Lease 1 has left, and lease 2 has its queue. The broker has not looked at the news yet. */
static void queue_is_leased_again(void)
{
	union link_any over = {.as_LEASE_END = {.id = 1}};
	assert_int_equal(ask(lease_1, LINK_LEASE), 0);
	made_nic_bound = true;
	assert_int_equal(ask(over, LINK_LEASE_END), 0);
	made_nic_bound = false;
	assert_int_equal(ask(lease_2, LINK_LEASE), 0);
}

static uint32_t recorded_leases(void)
{
	struct record_entry e;
	uint32_t n = 0;
	for (uint32_t i = 0; record_get(lone.pump.record, i, &e); i++)
		n += e.what == RECORD_LEASE;
	return n;
}

/* The record has both, the one that has ended first. */
static void the_next_broker_knows_whose_a_queue_is(void **state)
{
	union link_any m, over = {.as_LEASE_END = {.id = 2}};
	(void)state;
	record_begin();
	queue_is_leased_again();
	assert_int_equal(recorded_leases(), 2);
	broker_is_killed();
	assert_non_null(held_get(&lone.pump, 2));
	assert_int_equal(recorded_leases(), 1);
	assert_int_equal(answer(&m, LINK_NEWS), -EAGAIN);
	assert_int_equal(ask(over, LINK_LEASE_END), 0);
	news_come();
	record_end();
}

/* Also before an upgrade, when no job is begun. */
static void what_has_left_is_struck_at_once(void **state)
{
	union link_any over = {.as_LEASE_END = {.id = 2}};
	(void)state;
	record_begin();
	queue_is_leased_again();
	lone.pump.held = true;
	serve_lease_news(&lone.pump);
	assert_int_equal(recorded_leases(), 1);
	lone.pump.held = false;
	pump_work_on(&lone.pump);
	assert_int_equal(ask(over, LINK_LEASE_END), 0);
	news_come();
	assert_int_equal(recorded_leases(), 0);
	record_end();
}

/* It ends when the pump has: the queue may be somebody's who has the pump's netlink socket. */
static void a_lease_outlives_its_pump_in_the_kernel(void **state)
{
	(void)state;
	assert_int_equal(ask(lease_1, LINK_LEASE), 0);
	made_nic_bound = true;
	serve_lease_end_all(&lone.pump);
	assert_false(has_left());
	made_nic_bound = false;
	assert_true(has_left());
	news_come();
}

static void a_lease_does_not_end_while_a_hand_is_at_it(void **state)
{
	struct lease_place place, other;
	(void)state;
	assert_int_equal(ask(lease_1, LINK_LEASE), 0);
	assert_int_equal(serve_lease_register(&lone.pump, 1, &place, why), 0);
	assert_int_equal(serve_lease_register(&lone.pump, 1, &other, why), -EBUSY);
	assert_int_equal(ask(end_1, LINK_LEASE_END), -EBUSY);
	serve_lease_registered(&lone.pump, place.held, false);
	assert_int_equal(ask(end_1, LINK_LEASE_END), 0);
	assert_int_equal(serve_lease_register(&lone.pump, 1, &other, why), -ENOENT);
	/* Another lease of that number is another one. */
	assert_int_equal(ask(lease_1, LINK_LEASE), 0);
	assert_int_equal(serve_lease_register(&lone.pump, 1, &other, why), 0);
	serve_lease_registered(&lone.pump, place.held, true);
	assert_int_equal(ask(end_1, LINK_LEASE_END), -EBUSY);
	serve_lease_registered(&lone.pump, other.held, false);
	assert_int_equal(ask(end_1, LINK_LEASE_END), 0);
	news_come();
}

static pid_t hand_make(void)
{
	pid_t pid = fork();
	if (pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		pause();
		_exit(0);
	}
	return pid;
}

static void hand_end(pid_t pid)
{
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
}

/* The hand may register the queue later: also when there is another broker. */
static void a_hand_that_was_given_up_keeps_the_lease(void **state)
{
	struct lease_place place;
	pid_t hand = hand_make();
	(void)state;
	record_begin();
	assert_int_equal(ask(lease_1, LINK_LEASE), 0);
	assert_int_equal(serve_lease_register(&lone.pump, 1, &place, why), 0);
	serve_lease_begun(&lone.pump, place.held, hand);
	serve_lease_registered(&lone.pump, place.held, true);
	broker_is_killed();
	assert_int_equal(ask(end_1, LINK_LEASE_END), 0);
	assert_false(has_left());
	broker_is_killed();
	assert_false(has_left());
	hand_end(hand);
	assert_true(has_left());
	news_come();
	record_end();
}

/* Else the first would be forgotten, which may register the queue when the lease is another's. */
static void no_hand_begins_before_one_that_was_given_up_has_ended(void **state)
{
	struct lease_place place, again;
	pid_t hand = hand_make();
	(void)state;
	record_begin();
	assert_int_equal(ask(lease_1, LINK_LEASE), 0);
	assert_int_equal(serve_lease_register(&lone.pump, 1, &place, why), 0);
	serve_lease_begun(&lone.pump, place.held, hand);
	serve_lease_registered(&lone.pump, place.held, true);
	assert_int_equal(serve_lease_register(&lone.pump, 1, &again, why), -EBUSY);
	assert_non_null(strstr(why, "has not ended yet"));
	serve_lease_registered(&lone.pump, place.held, false); /* of a hand that never began */
	broker_is_killed();
	assert_int_equal(serve_lease_register(&lone.pump, 1, &again, why), -EBUSY);
	kill(hand, SIGKILL);
	assert_int_equal(waitid(P_PID, (id_t)hand, &(siginfo_t){0}, WEXITED | WNOWAIT), 0);
	assert_int_equal(serve_lease_register(&lone.pump, 1, &again, why), 0);
	serve_lease_registered(&lone.pump, again.held, false);
	hand_end(hand);
	assert_int_equal(ask(end_1, LINK_LEASE_END), 0);
	assert_true(has_left());
	news_come();
	record_end();
}

static void a_second_registration_does_not_free_the_queue(void **state)
{
	struct lease_place place, again;
	pid_t hand = hand_make();
	(void)state;
	assert_int_equal(ask(lease_1, LINK_LEASE), 0);
	assert_int_equal(serve_lease_register(&lone.pump, 1, &place, why), 0);
	serve_lease_begun(&lone.pump, place.held, hand);
	serve_lease_registered(&lone.pump, place.held, true);
	/* It waited for its turn in vain. */
	if (serve_lease_register(&lone.pump, 1, &again, why) == 0)
		serve_lease_registered(&lone.pump, again.held, false);
	assert_int_equal(ask(end_1, LINK_LEASE_END), 0);
	assert_false(has_left());
	hand_end(hand);
	assert_true(has_left());
	news_come();
}

/* Without descriptors nobody can tell whether it lives. */
static void a_hand_that_cannot_be_looked_at_keeps_the_lease(void **state)
{
	struct lease_place place;
	pid_t hand = hand_make();
	(void)state;
	assert_int_equal(ask(lease_1, LINK_LEASE), 0);
	assert_int_equal(serve_lease_register(&lone.pump, 1, &place, why), 0);
	descriptors_left(0);
	serve_lease_begun(&lone.pump, place.held, hand);
	serve_lease_registered(&lone.pump, place.held, true);
	int r = ask(end_1, LINK_LEASE_END);
	descriptors_again();
	assert_int_equal(r, 0);
	assert_false(has_left());
	hand_end(hand);
	assert_true(has_left());
	news_come();
}

/* It was never heard of again. */
static void a_hand_outlives_the_broker_that_started_it(void **state)
{
	struct lease_place place;
	pid_t hand = hand_make();
	(void)state;
	record_begin();
	assert_int_equal(ask(lease_1, LINK_LEASE), 0);
	assert_int_equal(serve_lease_register(&lone.pump, 1, &place, why), 0);
	serve_lease_begun(&lone.pump, place.held, hand);
	broker_is_killed();
	assert_int_equal(ask(end_1, LINK_LEASE_END), 0);
	assert_false(has_left());
	hand_end(hand);
	assert_true(has_left());
	news_come();
	record_end();
}

/* It has ended as it should, and the next broker does not think of it. */
static void a_hand_that_is_done_keeps_nothing(void **state)
{
	struct lease_place place;
	pid_t hand = hand_make();
	(void)state;
	record_begin();
	assert_int_equal(ask(lease_1, LINK_LEASE), 0);
	assert_int_equal(serve_lease_register(&lone.pump, 1, &place, why), 0);
	serve_lease_begun(&lone.pump, place.held, hand);
	serve_lease_registered(&lone.pump, place.held, false);
	broker_is_killed();
	assert_int_equal(ask(end_1, LINK_LEASE_END), 0);
	assert_true(has_left());
	news_come();
	hand_end(hand);
	record_end();
}

/* ---- leases that are lost ---- */

/* Somebody else's packets come to its queue. */
static struct held_lease *lost_lease(void)
{
	assert_int_equal(ask(lease_1, LINK_LEASE), 0);
	struct held_lease *h = held_get(&lone.pump, 1);
	assert_true(guarded_lose(&h->lease->guarded, REASON_INTRUDER, "A rule of others."));
	return h;
}

static void is_told(void)
{
	union link_any m;
	int fds[MSG_FDS_MAX];
	uint32_t nfds;
	assert_true(wire_recv(lone.end, &m.any, fds, &nfds, MSG_DONTWAIT) > 0);
	assert_int_equal(m.hdr.type, LINK_NEWS);
	assert_int_equal(m.as_NEWS.reason, REASON_INTRUDER);
}

static bool is_broken_when_time_is_over(struct held_lease *h)
{
	news_come();
	assert_false(lone.pump.broken);
	h->lost_ns -= 26 * NS_A_SECOND;
	news_come();
	assert_false(lone.pump.broken);
	h->lost_ns -= 6 * NS_A_SECOND;
	news_come();
	return lone.pump.broken;
}

static bool is_poked(void)
{
	eventfd_t count;
	return eventfd_read(lone.pump.poke, &count) == 0;
}

/* It was lost, or a rule was, before the broker had it in its list, and looked for it. */
static void news_of_what_is_new_are_told(void **state)
{
	struct lease_rule gone = {.why = "It was removed."};
	struct held_rule *rule = calloc(1, sizeof(*rule));
	union link_any m;
	int fds[MSG_FDS_MAX];
	uint32_t nfds;
	(void)state;
	lone.pump.poke = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	assert_int_equal(ask(lease_1, LINK_LEASE), 0);
	assert_true(is_poked());
	struct held_lease *h = held_get(&lone.pump, 1);
	*rule = (struct held_rule){.id = 5, .rule = &gone};
	held_rule_add(&lone.pump, h, rule);
	assert_true(is_poked());
	news_come();
	LIST_REMOVE(rule, link);
	free(rule);
	assert_true(wire_recv(lone.end, &m.any, fds, &nfds, MSG_DONTWAIT) > 0);
	assert_int_equal(m.hdr.type, LINK_NEWS);
	assert_int_equal(m.as_NEWS.rule, 5);
	assert_string_equal(m.as_NEWS.text, gone.why);
	assert_int_equal(ask(end_1, LINK_LEASE_END), 0);
	close(lone.pump.poke);
	lone.pump.poke = -1;
}

static void what_is_lost_is_of_no_use(void **state)
{
	union link_any steer = {.as_STEER = {.lease = 1, .rule = 1}};
	union link_any zcrx = {.as_ZCRX = {.lease = 1}}, devmem = {.as_DEVMEM = {.lease = 1}};
	(void)state;
	lost_lease();
	say(&steer, LINK_STEER);
	assert_int_equal(answer(&steer, LINK_STEER), 0);
	assert_int_equal(steer.re_STEER.n, 0);
	assert_string_equal(steer.re_STEER.text, "The hardware queue is lost: A rule of others.");
	say(&zcrx, LINK_ZCRX);
	assert_int_equal(answer(&zcrx, LINK_ZCRX), -ENODEV);
	assert_string_equal(zcrx.re_ZCRX.text, steer.re_STEER.text);
	say(&devmem, LINK_DEVMEM);
	assert_int_equal(answer(&devmem, LINK_DEVMEM), -ENODEV);
	assert_string_equal(devmem.re_DEVMEM.text, steer.re_STEER.text);
}

static void who_keeps_what_is_lost_is_ended(void **state)
{
	(void)state;
	struct held_lease *h = lost_lease();
	assert_true(is_broken_when_time_is_over(h));
	is_told();
}

static void who_keeps_it_and_says_that_he_does_not_is_ended(void **state)
{
	(void)state;
	struct held_lease *h = lost_lease();
	news_come();
	is_told();
	made_nic_bound = true;
	assert_int_equal(ask(end_1, LINK_LEASE_END), 0);
	assert_true(is_broken_when_time_is_over(h));
	made_nic_bound = false;
}

/* A lease cannot be given back while a hand is to register its queue. */
static void what_cannot_be_given_back_is_not_kept(void **state)
{
	struct lease_place place;
	(void)state;
	assert_int_equal(ask(lease_1, LINK_LEASE), 0);
	struct held_lease *h = held_get(&lone.pump, 1);
	assert_int_equal(serve_lease_register(&lone.pump, 1, &place, why), 0);
	assert_true(guarded_lose(&h->lease->guarded, REASON_INTRUDER, "A rule of others."));
	for (int i = 0; i < 3; i++) {
		news_come();
		h->lost_ns -= 31 * NS_A_SECOND;
	}
	news_come();
	assert_false(lone.pump.broken);
	is_told();
	serve_lease_registered(&lone.pump, place.held, false);
	assert_true(is_broken_when_time_is_over(h));
}

/* The broker was stopped for long, and what the pump said is in the link still. */
static void who_gave_it_back_while_the_broker_was_stopped_goes_on(void **state)
{
	(void)state;
	struct held_lease *h = lost_lease();
	news_come();
	is_told();
	h->lost_ns -= 100 * NS_A_SECOND;
	news_come();
	assert_false(lone.pump.broken);
	assert_int_equal(ask(end_1, LINK_LEASE_END), 0);
	news_come();
	assert_null(LIST_FIRST(&lone.pump.leases));
	assert_false(lone.pump.broken);
}

static void who_gives_back_what_is_lost_goes_on(void **state)
{
	(void)state;
	lost_lease();
	news_come();
	is_told();
	assert_int_equal(ask(end_1, LINK_LEASE_END), 0);
	news_come();
	assert_null(LIST_FIRST(&lone.pump.leases));
	assert_false(lone.pump.broken);
}

static void who_cannot_be_told_is_ended(void **state)
{
	(void)state;
	lost_lease();
	lone.pump.out.n = OUTBOX_MAX;
	news_come();
	assert_true(lone.pump.broken);
	lone.pump.out.n = 0;
}

static void a_nic_that_restarts_holds_up_what_is_about_that_lease(void **state)
{
	const union link_any lease = {
		.as_LEASE = {.lease = 1, .n = 1, .backend = MSG_BACKEND_DEVMEM}};
	const union link_any end_it = {.as_LEASE_END = {.id = 1}};
	const union link_any other = {.as_UNSTEER = {.lease = 2}};
	union link_any m;
	(void)state;
	made_nic_restarts = eventfd(0, EFD_CLOEXEC);
	say_slow(lease, LINK_LEASE);
	say_slow(end_it, LINK_LEASE_END);
	say_slow(other, LINK_UNSTEER);
	assert_int_equal(answer_wait(LINK_UNSTEER), -ENOENT);
	usleep(20000);
	assert_int_equal(answer(&m, LINK_LEASE), -EAGAIN);
	eventfd_write(made_nic_restarts, 1);
	assert_int_equal(answer_wait(LINK_LEASE), 0);
	assert_int_equal(answer_wait(LINK_LEASE_END), 0);
	while (lone.pump.n_working > 0)
		pump_work_over(&lone.pump);
	close(made_nic_restarts);
	made_nic_restarts = -1;
}

/* As many leases at once as there may be are taken for one queue that was charged. */
static void leases_that_are_being_taken_count(void **state)
{
	union link_any m = {.as_LEASE = {.n = 1, .backend = MSG_BACKEND_DEVMEM}};
	int refused = 0;
	(void)state;
	made_nic_restarts = eventfd(0, EFD_CLOEXEC);
	for (uint32_t i = 0; i < JOBS_AT_ONCE_MAX; i++) {
		m.as_LEASE.lease = i + 1;
		say_slow(m, LINK_LEASE);
	}
	for (uint32_t i = 1; i < JOBS_AT_ONCE_MAX; i++)
		refused += answer_wait(LINK_LEASE) == -EDQUOT;
	assert_int_equal(refused, JOBS_AT_ONCE_MAX - 1);
	eventfd_write(made_nic_restarts, 1);
	assert_int_equal(answer_wait(LINK_LEASE), 0);
	while (lone.pump.n_working > 0)
		pump_work_over(&lone.pump);
	close(made_nic_restarts);
	made_nic_restarts = -1;
}

/* Whatever a pump logs is seen to be of its client, and to be no more than a warning. */
static void what_a_pump_logs_is_its_clients(void **state)
{
	union link_any m = {.as_LOG = {.cause = LOG_REQUEST_REFUSED, .line = "all is lost"}};
	char line[200] = "", wanted[200];
	FILE *log = tmpfile(), *real = stderr;
	(void)state;
	setenv("JOURNAL_STREAM", "1:1", 1);
	log_init(false);
	stderr = log;
	say(&m, LINK_LOG);
	stderr = real;
	rewind(log);
	assert_non_null(fgets(line, sizeof(line), log));
	snprintf(wanted, sizeof(wanted), "<4>client 1 (pid 4711, uid %u): all is lost\n",
		 (unsigned)getuid());
	assert_string_equal(line, wanted);
	fclose(log);
}

static int setup_all(void **state)
{
	static uint32_t queue;
	static struct config_nic nic = {.name = MADE_NIC,
					.queues = {&queue, 1},
					.linger_seconds = 3600};
	int due[2];
	(void)state;
	if (!mkdtemp(state_dir) || files_init(due) < 0)
		return -1;
	leases_init(&nic, state_dir);
	leases_settle();
	return 0;
}

static int teardown_all(void **state)
{
	(void)state;
	leases_done();
	return rmdir(state_dir);
}

#define CASE(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(what_can_be_no_connection_is_refused),
		CASE(a_socket_of_the_host_is_charged_first),
		CASE(a_socket_of_the_host_counts_until_nobody_has_it),
		CASE(a_pump_that_was_taken_over_has_what_it_says),
		CASE(a_connection_is_handed_over_once_it_is_made),
		CASE(a_connection_that_is_given_up_is_answered_no_more),
		CASE(backends_are_judged_when_a_queue_is_registered),
		CASE(nobody_gets_zcrx_of_a_kernel_with_holes),
		CASE(a_lease_is_charged_as_a_queue),
		CASE(a_record_of_another_boot_is_nobodys),
		CASE(a_record_that_cannot_be_judged_stays),
		CASE(a_hand_that_cannot_be_looked_at_keeps_the_lease),
		CASE(a_lease_ends_when_the_kernel_says_so),
		CASE(the_next_broker_knows_whose_a_queue_is),
		CASE(what_has_left_is_struck_at_once),
		CASE(a_lease_outlives_its_pump_in_the_kernel),
		CASE(a_lease_does_not_end_while_a_hand_is_at_it),
		CASE(a_hand_that_was_given_up_keeps_the_lease),
		CASE(no_hand_begins_before_one_that_was_given_up_has_ended),
		CASE(a_second_registration_does_not_free_the_queue),
		CASE(a_hand_outlives_the_broker_that_started_it),
		CASE(a_hand_that_is_done_keeps_nothing),
		CASE(news_of_what_is_new_are_told),
		CASE(what_is_lost_is_of_no_use),
		CASE(who_keeps_what_is_lost_is_ended),
		CASE(who_keeps_it_and_says_that_he_does_not_is_ended),
		CASE(what_cannot_be_given_back_is_not_kept),
		CASE(who_gave_it_back_while_the_broker_was_stopped_goes_on),
		CASE(who_gives_back_what_is_lost_goes_on),
		CASE(who_cannot_be_told_is_ended),
		CASE(a_nic_that_restarts_holds_up_what_is_about_that_lease),
		CASE(leases_that_are_being_taken_count),
		CASE(what_a_pump_logs_is_its_clients),
	};
	return cmocka_run_group_tests(tests, setup_all, teardown_all);
}
