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
	.most = {[ACCOUNT_SESSIONS] = MOST,
		 [ACCOUNT_QUEUES] = MOST,
		 [ACCOUNT_AREAS] = MOST,
		 [ACCOUNT_BYTES] = MOST_BYTES,
		 [ACCOUNT_FLOWS] = MOST,
		 [ACCOUNT_LISTENERS] = MOST},
	.requests_per_second = 3,
	.leases_per_minute = 2,
	.most_users = 2,
};

/* Two processes that live as long as a test. */
static pid_t process[2];

static int setup(void **state)
{
	(void)state;
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

static uint64_t now_ns = 1;

static int try_get(struct peer **ret, const char *pool, uid_t uid, int i)
{
	int pidfd = (int)syscall(SYS_pidfd_open, process[i], 0);
	assert_true(pidfd >= 0);
	int r = peer_get(ret, pool, &limits, uid, pidfd, now_ns);
	close(pidfd);
	return r;
}

static struct peer *get_of(const char *pool, uid_t uid, int i)
{
	struct peer *p = NULL;
	assert_int_equal(try_get(&p, pool, uid, i), 0);
	assert_non_null(p);
	return p;
}

static struct peer *get(uid_t uid, int i)
{
	return get_of("class", uid, i);
}

/* Each its whole share, beside the other's. */
static void have_all_at_once(struct peer *one, struct peer *two)
{
	assert_int_equal(account_charge(one, ACCOUNT_FLOWS, MOST), 0);
	assert_int_equal(account_charge(two, ACCOUNT_FLOWS, MOST), 0);
	account_release(one, ACCOUNT_FLOWS, MOST);
	account_release(two, ACCOUNT_FLOWS, MOST);
	peer_put(one);
	peer_put(two);
}

/* Nothing of its user's bytes is charged to anybody else. */
static void has_all_bytes_and_ends(struct peer *p)
{
	assert_int_equal(account_charge(p, ACCOUNT_BYTES, MOST_BYTES), 0);
	account_release(p, ACCOUNT_BYTES, MOST_BYTES);
	assert_true(peer_put(p));
	peer_exited(p);
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
	have_all_at_once(alice, bob);
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
	has_all_bytes_and_ends(two);
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
	has_all_bytes_and_ends(get(ALICE, 1));
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
	has_all_bytes_and_ends(other);
}

static void classes_do_not_share(void **state)
{
	(void)state;
	struct peer *one = get_of("one", ALICE, 0), *two = get_of("two", ALICE, 0);
	uint64_t used[ACCOUNT_KINDS];
	assert_ptr_not_equal(one, two);
	assert_int_equal(account_charge(one, ACCOUNT_QUEUES, MOST), 0);
	assert_int_equal(account_charge(one, ACCOUNT_QUEUES, 1), -EDQUOT);
	assert_int_equal(account_charge(two, ACCOUNT_QUEUES, MOST - 1), 0);
	assert_int_equal(account_used("one", used), 1);
	assert_int_equal(used[ACCOUNT_QUEUES], MOST);
	assert_int_equal(account_used("two", used), 1);
	assert_int_equal(used[ACCOUNT_QUEUES], MOST - 1);
	assert_int_equal(account_used("three", used), 0);
	assert_int_equal(used[ACCOUNT_QUEUES], 0);
	account_release(one, ACCOUNT_QUEUES, MOST);
	account_release(two, ACCOUNT_QUEUES, MOST - 1);
	peer_put(one);
	peer_put(two);
}

static void a_process_that_changes_its_user_is_another_peer(void **state)
{
	(void)state;
	struct peer *alice = get(ALICE, 0), *bob = get(BOB, 0);
	assert_ptr_not_equal(alice, bob);
	have_all_at_once(alice, bob);
}

static void a_class_has_no_more_users_than_it_may(void **state)
{
	(void)state;
	struct peer *alice = get(ALICE, 0), *bob = get(BOB, 1), *other;
	assert_int_equal(try_get(&other, "class", BOB + 1, 0), -EDQUOT);
	assert_int_equal(try_get(&other, "another", BOB + 1, 0), 0);
	peer_put(other);
	assert_int_equal(account_charge(bob, ACCOUNT_BYTES, 1), 0);
	account_release(bob, ACCOUNT_BYTES, 1);
	assert_true(peer_put(bob)); /* its process may hold memory: it still counts */
	assert_int_equal(try_get(&other, "class", BOB + 1, 0), -EDQUOT);
	peer_exited(bob);
	assert_int_equal(try_get(&other, "class", BOB + 1, 0), 0);
	peer_put(other);
	peer_put(alice);
}

static void the_rate_is_the_users_whatever_the_process(void **state)
{
	(void)state;
	struct peer *one = get(ALICE, 0), *two = get(ALICE, 1), *bob = get(BOB, 0);
	const uint64_t second = 1000000000;
	assert_true(account_request(one, 5 * second));
	assert_true(account_request(two, 5 * second + 1));
	assert_true(account_request(one, 5 * second - 1)); /* its clock was read before */
	assert_false(account_request(one, 6 * second - 1));
	assert_false(account_request(two, 6 * second - 1));
	assert_true(account_request(bob, 6 * second - 1));
	for (uint64_t i = 0; i < limits.requests_per_second; i++)
		assert_true(account_request(two, 6 * second));
	assert_false(account_request(one, 6 * second));
	peer_put(one);
	peer_put(two);
	peer_put(bob);
}

static void the_rate_outlives_the_users_last_peer(void **state)
{
	(void)state;
	const uint64_t second = 1000000000;
	uint64_t used[ACCOUNT_KINDS];
	now_ns = 20 * second;
	for (uint64_t i = 0; i < limits.requests_per_second; i++) {
		struct peer *p = get(ALICE, 0);
		assert_true(account_request(p, now_ns));
		peer_put(p);
	}
	struct peer *p = get(ALICE, 1);
	assert_false(account_request(p, now_ns + second - 1));
	peer_put(p);
	assert_int_equal(account_used("class", used), 0);
	now_ns += second;
	p = get(ALICE, 0);
	assert_true(account_request(p, now_ns));
	peer_put(p);
}

/* The clock begins when the machine does. */
static void the_first_minute_of_a_machine_is_one_like_others(void **state)
{
	(void)state;
	uint64_t wait_s = 0, then_ns = now_ns;
	now_ns = 1;
	struct peer *p = get(ALICE, 0);
	assert_true(account_request(p, now_ns));
	for (uint64_t i = 0; i < limits.leases_per_minute; i++)
		assert_true(account_lease(p, now_ns, &wait_s));
	assert_false(account_lease(p, now_ns, &wait_s));
	assert_int_equal(wait_s, 60);
	peer_put(p);
	now_ns = then_ns;
}

static void leases_have_a_rate_that_is_told_and_outlives_peers(void **state)
{
	(void)state;
	const uint64_t second = 1000000000;
	uint64_t wait_s = 0;
	now_ns += 60 * second;
	for (uint64_t i = 0; i < limits.leases_per_minute; i++) {
		struct peer *p = get(ALICE, 0);
		assert_true(account_lease(p, now_ns + i, &wait_s));
		peer_put(p);
	}
	struct peer *p = get(ALICE, 1), *bob = get(BOB, 0);
	assert_false(account_lease(p, now_ns + 18 * second, &wait_s));
	assert_int_equal(wait_s, 42);
	assert_false(account_lease(p, now_ns + 60 * second - 1, &wait_s));
	assert_int_equal(wait_s, 1);
	assert_true(account_request(p, now_ns)); /* these are others */
	assert_true(account_lease(bob, now_ns, &wait_s));
	peer_put(p);
	now_ns += 59 * second;
	p = get(ALICE, 0);
	assert_false(account_lease(p, now_ns, &wait_s));
	assert_true(account_lease(p, now_ns + second, &wait_s));
	peer_put(p);
	peer_put(bob);
}

/* However many users take turns, of whom the class may have two at once. */
static void a_class_asks_for_no_more_than_the_users_it_may_have(void **state)
{
	(void)state;
	uint64_t most = limits.requests_per_second * limits.most_users, granted = 0;
	now_ns += 1000000000;
	for (uid_t uid = 5000; uid < 10000; uid++) {
		struct peer *p = get(uid, 0);
		granted += account_request(p, now_ns);
		peer_put(p);
	}
	assert_int_equal(granted, most);
}

static const struct limits *lower(const char *pool, void *data)
{
	assert_string_equal(pool, "class");
	return data;
}

static void lower_limits_leave_what_is_there(void **state)
{
	(void)state;
	struct peer *p = get(ALICE, 0);
	struct limits few = limits;
	few.most[ACCOUNT_FLOWS] = 2;
	few.most[ACCOUNT_BYTES] = 0;
	assert_int_equal(account_charge(p, ACCOUNT_FLOWS, 4), 0);
	assert_int_equal(account_charge(p, ACCOUNT_BYTES, 4), 0);
	account_limits(lower, &few);
	assert_int_equal(account_charge(p, ACCOUNT_FLOWS, 1), -EDQUOT);
	assert_int_equal(account_charge(p, ACCOUNT_BYTES, 1), -EDQUOT);
	account_release(p, ACCOUNT_BYTES, 4);
	assert_int_equal(account_charge(p, ACCOUNT_BYTES, 4), 0); /* it has not got more of it */
	account_release(p, ACCOUNT_FLOWS, 3);
	assert_int_equal(account_charge(p, ACCOUNT_FLOWS, 1), 0);
	assert_int_equal(account_charge(p, ACCOUNT_FLOWS, 1), -EDQUOT);
	account_release(p, ACCOUNT_FLOWS, 2);
	account_release(p, ACCOUNT_BYTES, 4);
	assert_true(peer_put(p));
	peer_exited(p);
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
		CASE(classes_do_not_share),
		CASE(a_process_that_changes_its_user_is_another_peer),
		CASE(a_class_has_no_more_users_than_it_may),
		CASE(the_rate_is_the_users_whatever_the_process),
		CASE(the_rate_outlives_the_users_last_peer),
		CASE(the_first_minute_of_a_machine_is_one_like_others),
		CASE(leases_have_a_rate_that_is_told_and_outlives_peers),
		CASE(a_class_asks_for_no_more_than_the_users_it_may_have),
		CASE(lower_limits_leave_what_is_there),
		CASE(threads_may_charge_at_once),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
