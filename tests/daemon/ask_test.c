/* SPDX-License-Identifier: MIT */
/* What becomes of a pump's requests when its broker ends. The test is the brokers. */
#include <errno.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "daemon/ask/ask.h"

enum {
	OWED = 40,
	AT_A_TIME = 16 /* the same number as in daemon/ask/later.c */
};

static int broker = -1, pump = -1;

static void broker_comes(void)
{
	int pair[2];
	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair), 0);
	broker = pair[0];
	pump = pair[1];
	ask_init(pump);
}

static void broker_goes(void)
{
	close(broker);
	ask_break();
	close(pump);
}

static int setup(void **state)
{
	(void)state;
	broker_comes();
	ask_again();
	union link_any m;
	assert_true(recv(broker, &m, sizeof(m), MSG_DONTWAIT) > 0);
	return m.hdr.type != LINK_HAVE;
}

static int teardown(void **state)
{
	(void)state;
	broker_goes();
	return 0;
}

/* The next message of this type. Returns its serial number. */
static uint32_t asked(uint16_t type, union link_any *m)
{
	assert_int_equal(recv(broker, m, sizeof(*m), 0), link_bytes(type));
	assert_int_equal(m->hdr.type, type);
	return m->hdr.serial;
}

static void nothing_is_asked(void)
{
	union link_any m;
	assert_int_equal(recv(broker, &m, sizeof(m), MSG_DONTWAIT), -1);
	assert_int_equal(errno, EAGAIN);
}

static void answer(uint32_t serial, uint16_t type)
{
	union link_any m = {
		.hdr = {.size = link_reply_bytes(type), .type = type, .serial = serial}};
	ask_replied(&m, m.hdr.size, NULL, 0);
}

static struct ask_later *owe(uint32_t rule, int news)
{
	struct ask_later *l;
	const union link_any m = {.as_UNSTEER = {.lease = 1, .rule = rule}};
	assert_int_equal(ask_owed(&l, &m, LINK_UNSTEER, news), 0);
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
		answer(serials[i], LINK_UNSTEER);
	assert_int_equal(eventfd_read(news, &count), 0);
	assert_int_equal(count, 2);
	broker_goes();
	assert_int_equal(ask_look(all[2], &fd), -EINPROGRESS);
	broker_comes();
	ask_again();
	asked(LINK_HAVE, &m);
	for (uint32_t i = 2; i < OWED; i++) {
		uint32_t serial = asked(LINK_UNSTEER, &m);
		assert_int_equal(m.as_UNSTEER.rule, i); /* as many as before, in order */
		answer(serial, LINK_UNSTEER);
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
	struct ask_later *waits_for; /* or NULL */
	int result;
};

static void *run(void *data)
{
	struct request *r = data;
	int fds[2] = {-1, -1};
	if (r->waits_for) {
		ask_wait(r->waits_for);
		r->result = ask_look(r->waits_for, fds);
	} else {
		r->result = ask(&r->m, r->type, fds, fds);
	}
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

static void whoever_waits_for_what_is_owed_gets_the_next_brokers_answer(void **state)
{
	int news = eventfd(0, EFD_CLOEXEC);
	struct request first = {.waits_for = owe(1, news)}, last = {0};
	union link_any m;
	(void)state;
	for (uint32_t i = 2; i <= AT_A_TIME; i++)
		owe(i, news);
	last.waits_for = owe(0, news);
	begin(&first);
	begin(&last); /* is asked at once: somebody waits */
	for (uint32_t i = 0; i < AT_A_TIME + 1; i++)
		asked(LINK_UNSTEER, &m);
	broker_goes();
	broker_comes();
	ask_again();
	asked(LINK_HAVE, &m);
	for (uint32_t i = 0; i < AT_A_TIME + 1; i++)
		answer(asked(LINK_UNSTEER, &m), LINK_UNSTEER);
	assert_int_equal(result(&first), 0);
	assert_int_equal(result(&last), 0);
	close(news);
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
		broker_comes();
		ask_again();
		asked(LINK_HAVE, &m);
		answer(asked(LINK_LEASE, &m), LINK_LEASE);
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
	broker_comes();
	ask_again();
	asked(LINK_HAVE, &m);
	answer(asked(LINK_ZCRX, &m), LINK_ZCRX);
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
		CASE(whoever_waits_for_what_is_owed_gets_the_next_brokers_answer),
		cmocka_unit_test_setup(nothing_is_owed_when_no_broker_will_come, setup),
	};
	return cmocka_run_group_tests_name("ask", tests, NULL, NULL);
}
