/* SPDX-License-Identifier: MIT */
/* Who is charged how much, and until when. */
#include <errno.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "../../daemon/account.h"

enum {
	ALICE = 1000,
	BOB = 1001,
	MOST = 10,
	MOST_BYTES = 1000
};

static const struct limits limits = {
	.most = {MOST, MOST, MOST, MOST_BYTES},
};

/* Two processes that live as long as a test. */
static pid_t process[2];

static int setup(void **state)
{
	(void)state;
	account_init(&limits);
	for (int i = 0; i < 2; i++) {
		process[i] = fork();
		if (process[i] == 0) {
			alarm(60);
			pause();
			_exit(0);
		}
		assert_true(process[i] > 0);
	}
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	account_done();
	for (int i = 0; i < 2; i++) {
		kill(process[i], SIGKILL);
		waitpid(process[i], NULL, 0);
	}
	return 0;
}

static struct peer *get(uid_t uid, int i)
{
	int pidfd = (int)syscall(SYS_pidfd_open, process[i], 0);
	assert_true(pidfd >= 0);
	struct peer *p = peer_get(uid, pidfd);
	assert_non_null(p);
	close(pidfd);
	return p;
}

static void charges_up_to_the_limit_and_not_beyond(void **state)
{
	(void)state;
	struct peer *p = get(ALICE, 0);
	for (int kind = 0; kind < ACCOUNT_KINDS; kind++) {
		uint64_t most = limits.most[kind];
		assert_int_equal(account_charge(p, kind, most + 1), -EDQUOT);
		assert_int_equal(account_charge(p, kind, UINT64_MAX), -EDQUOT);
		assert_int_equal(account_charge(p, kind, most - 1), 0);
		assert_int_equal(account_charge(p, kind, 2), -EDQUOT);
		assert_int_equal(account_charge(p, kind, 1), 0);
		assert_int_equal(account_charge(p, kind, 1), -EDQUOT);
		assert_int_equal(account_charge(p, kind, 0), 0);
		account_release(p, kind, most);
	}
	assert_true(peer_put(p));
}

static void the_limit_is_the_users_whatever_the_process(void **state)
{
	(void)state;
	struct peer *one = get(ALICE, 0), *two = get(ALICE, 1);
	assert_ptr_not_equal(one, two);
	assert_int_equal(account_charge(one, ACCOUNT_QUEUES, MOST - 1), 0);
	assert_int_equal(account_charge(two, ACCOUNT_QUEUES, 2), -EDQUOT);
	assert_int_equal(account_charge(two, ACCOUNT_QUEUES, 1), 0);
	account_release(one, ACCOUNT_QUEUES, MOST - 1);
	assert_int_equal(account_charge(two, ACCOUNT_QUEUES, MOST - 1), 0);
	account_release(two, ACCOUNT_QUEUES, MOST);
	assert_false(peer_put(one));
	assert_false(peer_put(two));
}

static void users_do_not_share(void **state)
{
	(void)state;
	struct peer *alice = get(ALICE, 0), *bob = get(BOB, 1);
	assert_int_equal(account_charge(alice, ACCOUNT_FLOWS, MOST), 0);
	assert_int_equal(account_charge(bob, ACCOUNT_FLOWS, MOST), 0);
	account_release(alice, ACCOUNT_FLOWS, MOST);
	account_release(bob, ACCOUNT_FLOWS, MOST);
	peer_put(alice);
	peer_put(bob);
}

static void a_process_is_one_peer_however_often_it_connects(void **state)
{
	(void)state;
	struct peer *p = get(ALICE, 0);
	assert_ptr_equal(get(ALICE, 0), p);
	assert_false(peer_put(p));
	assert_int_equal(account_charge(p, ACCOUNT_SESSIONS, 1), 0);
	account_release(p, ACCOUNT_SESSIONS, 1);
	assert_false(peer_put(p));
}

static void released_bytes_stay_charged_and_serve_the_same_process_again(void **state)
{
	(void)state;
	struct peer *one = get(ALICE, 0), *two = get(ALICE, 1);
	assert_int_equal(account_charge(one, ACCOUNT_BYTES, MOST_BYTES), 0);
	account_release(one, ACCOUNT_BYTES, MOST_BYTES);
	assert_int_equal(account_charge(two, ACCOUNT_BYTES, 1), -EDQUOT);
	assert_int_equal(account_charge(one, ACCOUNT_BYTES, MOST_BYTES), 0);
	account_release(one, ACCOUNT_BYTES, MOST_BYTES);
	assert_true(peer_put(one));
	assert_int_equal(account_charge(two, ACCOUNT_BYTES, 1), -EDQUOT);
	peer_exited(one);
	assert_int_equal(account_charge(two, ACCOUNT_BYTES, MOST_BYTES), 0);
	account_release(two, ACCOUNT_BYTES, MOST_BYTES);
	assert_true(peer_put(two));
	peer_exited(two);
}

static void a_process_that_comes_back_is_waited_for_once(void **state)
{
	(void)state;
	struct peer *p = get(ALICE, 0);
	assert_int_equal(account_charge(p, ACCOUNT_BYTES, 5), 0);
	account_release(p, ACCOUNT_BYTES, 5);
	assert_true(peer_put(p));
	for (int i = 0; i < 3; i++) {
		assert_ptr_equal(get(ALICE, 0), p);
		assert_false(peer_put(p));
	}
	peer_exited(p);
	struct peer *other = get(ALICE, 1);
	assert_int_equal(account_charge(other, ACCOUNT_BYTES, MOST_BYTES), 0);
	account_release(other, ACCOUNT_BYTES, MOST_BYTES);
	assert_true(peer_put(other));
	peer_exited(other);
}

static void a_session_that_outlives_its_process_keeps_what_it_holds(void **state)
{
	(void)state;
	struct peer *p = get(ALICE, 0), *other = get(ALICE, 1);
	assert_int_equal(account_charge(p, ACCOUNT_BYTES, MOST_BYTES), 0);
	assert_ptr_equal(get(ALICE, 0), p);
	assert_false(peer_put(p));
	peer_exited(p);
	assert_int_equal(account_charge(other, ACCOUNT_BYTES, 1), -EDQUOT);
	account_release(p, ACCOUNT_BYTES, MOST_BYTES);
	assert_true(peer_put(p));
	peer_exited(p);
	assert_int_equal(account_charge(other, ACCOUNT_BYTES, MOST_BYTES), 0);
	account_release(other, ACCOUNT_BYTES, MOST_BYTES);
	assert_true(peer_put(other));
	peer_exited(other);
}

static void *charge_and_release(void *peer)
{
	for (int i = 0; i < 20000; i++)
		if (account_charge(peer, ACCOUNT_FLOWS, 3) == 0)
			account_release(peer, ACCOUNT_FLOWS, 3);
	return NULL;
}

static void threads_may_charge_at_once(void **state)
{
	(void)state;
	struct peer *one = get(ALICE, 0), *two = get(ALICE, 1);
	pthread_t threads[6];
	for (size_t i = 0; i < 6; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, charge_and_release,
						i % 2 ? one : two),
				 0);
	for (size_t i = 0; i < 6; i++)
		pthread_join(threads[i], NULL);
	assert_int_equal(account_charge(one, ACCOUNT_FLOWS, MOST), 0);
	account_release(one, ACCOUNT_FLOWS, MOST);
	assert_false(peer_put(one));
	assert_false(peer_put(two));
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(charges_up_to_the_limit_and_not_beyond),
		CASE(the_limit_is_the_users_whatever_the_process),
		CASE(users_do_not_share),
		CASE(a_process_is_one_peer_however_often_it_connects),
		CASE(released_bytes_stay_charged_and_serve_the_same_process_again),
		CASE(a_process_that_comes_back_is_waited_for_once),
		CASE(a_session_that_outlives_its_process_keeps_what_it_holds),
		CASE(threads_may_charge_at_once),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
