/* SPDX-License-Identifier: MIT */
/* What becomes of a pump's requests when its broker ends. The test is the brokers. */
#include <errno.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "daemon/ask/ask.h"
#include "daemon/common/may_wait.h"
#include "daemon/grant/account.h"
#include "proto/wire.h"
#include "tests/daemon/ask_world.h"

enum {
	OWED = 40,
	MANY = 5000,   /* more messages than the link has room for */
	AT_A_TIME = 16 /* the same number as in daemon/ask/later.c */
};

static int sendmsg_error; /* 0: sendmsg() works */

ssize_t sendmsg(int sock, const struct msghdr *m, int flags)
{
	errno = sendmsg_error;
	return sendmsg_error ? -1 : syscall(SYS_sendmsg, sock, m, flags);
}

static int setup(void **state)
{
	(void)state;
	broker_comes(NULL);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	broker_goes();
	return 0;
}

static struct ask_later *owe(uint32_t rule, int news)
{
	struct ask_later *l;
	const union link_any m = {.as_UNSTEER = {.lease = 1, .rule = rule}};
	assert_int_equal(ask_owed(&l, &m, LINK_UNSTEER, -1, news), 0);
	return l;
}

static void what_is_owed_is_asked_of_the_next_broker(void **state)
{
	struct ask_later *all[OWED];
	uint32_t serials[OWED];
	union link_any m;
	int fd, news = eventfd(0, EFD_CLOEXEC);
	eventfd_t count;
	(void)state;
	for (uint32_t i = 0; i < OWED; i++)
		all[i] = owe(i, news);
	for (uint32_t i = 0; i < AT_A_TIME; i++) {
		serials[i] = asked(LINK_UNSTEER, &m);
		assert_int_equal(m.as_UNSTEER.rule, i);
	}
	nothing_is_asked();
	for (uint32_t i = 0; i < 2; i++)
		answer(serials[i], LINK_UNSTEER, NULL);
	assert_int_equal(eventfd_read(news, &count), 0);
	assert_int_equal(count, 2);
	broker_goes();
	assert_int_equal(ask_look(all[2], &fd), -EINPROGRESS);
	broker_comes(NULL);
	for (uint32_t i = 2; i < OWED; i++) {
		uint32_t serial = asked(LINK_UNSTEER, &m);
		assert_int_equal(m.as_UNSTEER.rule, i); /* as many as before, in order */
		answer(serial, LINK_UNSTEER, NULL);
	}
	nothing_is_asked();
	for (uint32_t i = 0; i < OWED; i++) {
		assert_int_equal(ask_look(all[i], &fd), 0);
		ask_forget(all[i]);
	}
	close(news);
}

struct request {
	pthread_t thread;
	uint16_t type;
	union link_any m;
	int result;
};

static void *run(void *data)
{
	struct request *r = data;
	int fds[2] = {-1, -1};
	r->result = ask(&r->m, r->type, fds, fds);
	return NULL;
}

static void begin(struct request *r)
{
	assert_int_equal(pthread_create(&r->thread, NULL, run, r), 0);
}

static int result(struct request *r)
{
	pthread_join(r->thread, NULL);
	return r->result;
}

/* The hand of the next broker gets the descriptor, too. */
static void what_is_owed_has_a_descriptor_for_a_hand(void **state)
{
	const union link_any m = {.as_STEER = {.lease = 1, .rule = 7}};
	int fd, given[2], news = eventfd(0, EFD_CLOEXEC);
	struct ask_later *l;
	union link_any got;
	eventfd_t count;
	(void)state;
	assert_int_equal(ask_owed(&l, &m, LINK_STEER, news, news), 0);
	asked(LINK_STEER, &got);
	broker_goes();
	broker_comes(NULL);
	uint32_t serial = asked(LINK_STEER, &got);
	assert_int_equal(got.as_STEER.rule, 7);
	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, given), 0);
	ask_give(serial, given[0]);
	struct msg_hdr hdr;
	uint32_t n = 0;
	int fds[MSG_FDS_MAX];
	assert_int_equal(wire_recv(given[1], &got.any, fds, &n, MSG_DONTWAIT), sizeof(hdr));
	assert_int_equal(n, 1);
	answer(serial, LINK_STEER, NULL);
	assert_int_equal(eventfd_read(fds[0], &count), 0); /* it is the eventfd */
	assert_int_equal(ask_look(l, &fd), 0);
	ask_forget(l);
	wire_close(fds, n);
	close(given[0]);
	close(given[1]);
	close(news);
}

static struct ask_later *charge(uint64_t n, int news)
{
	struct ask_later *l;
	const union link_any m = {.as_CHARGE = {.kind = ACCOUNT_FLOWS, .n = n}};
	assert_int_equal(ask_owed(&l, &m, LINK_CHARGE, -1, news), 0);
	return l;
}

static void a_charge_that_nobody_wants_any_more_is_released(void **state)
{
	int news = eventfd(0, EFD_CLOEXEC);
	union link_any m;
	(void)state;
	struct ask_later *early = charge(3, news), *late = charge(4, news);
	uint32_t first = asked(LINK_CHARGE, &m), second = asked(LINK_CHARGE, &m);
	ask_disown(early);
	nothing_is_asked();
	answer(first, LINK_CHARGE, NULL);
	asked(LINK_RELEASE, &m);
	assert_int_equal(m.as_RELEASE.n, 3);
	answer(second, LINK_CHARGE, NULL);
	nothing_is_asked();
	ask_disown(late); /* though the answer was there */
	asked(LINK_RELEASE, &m);
	assert_int_equal(m.as_RELEASE.n, 4);
	close(news);
}

static void no_broker_is_asked_for_a_charge_that_nobody_wants(void **state)
{
	int news = eventfd(0, EFD_CLOEXEC);
	union link_any m;
	(void)state;
	struct ask_later *sent = charge(3, news);
	asked(LINK_CHARGE, &m);
	ask_disown(sent);
	broker_goes();
	ask_disown(charge(4, news));
	broker_comes(&m);
	assert_int_equal(m.as_HAVE.amounts[ACCOUNT_FLOWS], 0);
	nothing_is_asked();
	close(news);
}

/* What the link has no room for is told when the broker reads, in order; a request, too. */
static void nobody_waits_until_the_broker_reads(void **state)
{
	int fd, news = eventfd(0, EFD_CLOEXEC), full = ask_unsent_open();
	uint64_t released = 0;
	eventfd_t count;
	union link_any m;
	(void)state;
	struct ask_later *l = charge(MANY, news);
	answer(asked(LINK_CHARGE, &m), LINK_CHARGE, NULL);
	ask_forget(l);
	for (int i = 0; i < MANY; i++)
		ask_release(ACCOUNT_FLOWS, 1);
	l = owe(5, news);
	assert_true(ask_has_unsent());
	while (recv(broker, &m, sizeof(m), MSG_DONTWAIT) > 0 || ask_has_unsent()) {
		if (m.hdr.type == LINK_UNSTEER)
			answer(m.hdr.serial, LINK_UNSTEER, NULL);
		else
			released += m.as_RELEASE.n;
		ask_send_unsent();
		m = (union link_any){.as_RELEASE = {.n = 0}};
	}
	assert_int_equal(released, MANY);
	assert_int_equal(eventfd_read(news, &count), 0);
	assert_int_equal(ask_look(l, &fd), 0);
	ask_forget(l);
	close(full);
	close(news);
}

/* The kernel may be short of memory for a message for a moment. */
static void what_the_kernel_had_no_memory_for_is_sent_later(void **state)
{
	static const int errors[] = {ENOBUFS, ENOMEM};
	int fd, news = eventfd(0, EFD_CLOEXEC), full = ask_unsent_open();
	union link_any m;
	(void)state;
	for (size_t i = 0; i < 2; i++) {
		sendmsg_error = errors[i];
		struct ask_later *l = owe(5, news);
		assert_true(ask_has_unsent());
		ask_send_unsent();
		nothing_is_asked();
		sendmsg_error = 0;
		ask_send_unsent();
		answer(asked(LINK_UNSTEER, &m), LINK_UNSTEER, NULL);
		assert_int_equal(ask_look(l, &fd), 0);
		ask_forget(l);
	}
	close(full);
	close(news);
}

/* Who is at a limit releases something and charges as much anew. */
static void a_release_is_told_before_the_next_charge(void **state)
{
	int news = eventfd(0, EFD_CLOEXEC), full = ask_unsent_open();
	union link_any m;
	(void)state;
	struct ask_later *first = charge(5, news);
	answer(asked(LINK_CHARGE, &m), LINK_CHARGE, NULL);
	ask_forget(first);
	sendmsg_error = ENOBUFS;
	struct ask_later *l = owe(5, news);
	ask_release(ACCOUNT_FLOWS, 5);
	struct ask_later *again = charge(5, news);
	sendmsg_error = 0;
	ask_send_unsent();
	uint32_t serial = asked(LINK_UNSTEER, &m);
	asked(LINK_RELEASE, &m);
	assert_int_equal(m.as_RELEASE.n, 5);
	answer(asked(LINK_CHARGE, &m), LINK_CHARGE, NULL);
	nothing_is_asked();
	ask_disown(again);
	asked(LINK_RELEASE, &m);
	answer(serial, LINK_UNSTEER, NULL);
	ask_forget(l);
	close(full);
	close(news);
}

static void who_must_not_wait_is_not_made_to(void **state)
{
	int status;
	(void)state;
	pid_t child = fork();
	if (child == 0) {
		union link_any m = {.as_CHARGE = {.n = 1}};
		setrlimit(RLIMIT_CORE, &(struct rlimit){0});
		close(STDERR_FILENO);
		signal(SIGABRT, SIG_DFL);
		may_wait_set(false);
		_exit(ask(&m, LINK_CHARGE, NULL, NULL) == 0);
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT);
}

/* A ring, or a lease, of which nobody knows whether its queue was registered is given up. */
static void a_registration_without_an_answer_is_not_asked_for_again(void **state)
{
	static const uint16_t types[] = {LINK_ZCRX, LINK_DEVMEM};
	(void)state;
	for (size_t i = 0; i < 2; i++) {
		struct request registers = {.type = types[i]}, leases = {.type = LINK_LEASE};
		union link_any m;
		begin(&registers);
		asked(types[i], &m);
		begin(&leases);
		asked(LINK_LEASE, &m);
		broker_goes();
		assert_int_equal(result(&registers), -ERESTART);
		broker_comes(NULL);
		answer(asked(LINK_LEASE, &m), LINK_LEASE, NULL);
		assert_int_equal(result(&leases), 0);
		nothing_is_asked();
	}
}

/* A broker that did not get the request has registered nothing. */
static void a_registration_waits_for_a_broker(void **state)
{
	struct request registers = {.type = LINK_ZCRX};
	union link_any m;
	(void)state;
	broker_goes();
	begin(&registers);
	usleep(10000);
	broker_comes(NULL);
	answer(asked(LINK_ZCRX, &m), LINK_ZCRX, NULL);
	assert_int_equal(result(&registers), 0);
}

static void nothing_is_owed_when_no_broker_will_come(void **state)
{
	int fd, news = eventfd(0, EFD_CLOEXEC);
	struct ask_later *before = owe(1, news);
	(void)state;
	broker_goes();
	ask_give_up();
	struct ask_later *after = owe(2, news);
	assert_int_equal(ask_look(before, &fd), -EPIPE);
	assert_int_equal(ask_look(after, &fd), -EPIPE);
	ask_forget(before);
	ask_forget(after);
	close(news);
}

#define CASE(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(what_is_owed_is_asked_of_the_next_broker),
		CASE(a_registration_without_an_answer_is_not_asked_for_again),
		CASE(a_registration_waits_for_a_broker),
		CASE(what_is_owed_has_a_descriptor_for_a_hand),
		CASE(a_charge_that_nobody_wants_any_more_is_released),
		CASE(no_broker_is_asked_for_a_charge_that_nobody_wants),
		CASE(nobody_waits_until_the_broker_reads),
		CASE(what_the_kernel_had_no_memory_for_is_sent_later),
		CASE(a_release_is_told_before_the_next_charge),
		CASE(who_must_not_wait_is_not_made_to),
		cmocka_unit_test_setup(nothing_is_owed_when_no_broker_will_come, setup),
	};
	return cmocka_run_group_tests_name("ask", tests, NULL, NULL);
}
