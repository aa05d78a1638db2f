/* SPDX-License-Identifier: MIT */
/*
 * When a NIC is made ready and put back. The NIC is made up: what nic/ready.h and nic/restore.h do
 * to one are flags here, and the driver takes as long as the test wants.
 */
#include <errno.h>
#include <pthread.h>
#include <semaphore.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/clock.h"
#include "daemon/grant/account.h"
#include "daemon/grant/facts.h"
#include "daemon/grant/lease.h"
#include "daemon/grant/leases.h"
#include "nic/journal.h"
#include "nic/nic.h"
#include "nic/ntuple.h"
#include "nic/restore.h"
#include "policy/config.h"
#include "policy/policy.h"

#define NIC      "lo"
#define GONE     "zcrx-gone0"
#define LINGER   3600
#define LEASES   15
#define WAITERS  8
#define PATIENCE 3000 /* of 20 ms */

static struct {
	_Atomic bool changed;
	_Atomic bool bound;   /* somebody has the queue registered */
	_Atomic int asked;    /* times: who has it */
	_Atomic int gathered; /* times: what leads packets to it */
	int readied;          /* times */
	bool away;            /* at the start */
	bool slow; /* the driver: it says that it has begun, and waits until it may go on */
	sem_t begun, go_on;
} made_up;

static uint32_t queue;
static struct nic_before before = {.name = NIC, .card = {.ifindex = 1}, .queues = {&queue, 1}};
static char state_dir[] = "/tmp/zcrxd-lease.XXXXXX";

int nic_make_ready(const char *dir, const char *nic, const struct nic_queues *queues, nic_say say,
		   char why[NIC_SENTENCE_BYTES])
{
	(void)nic;
	(void)queues;
	(void)say;
	(void)why;
	assert_int_equal(journal_write(dir, &before), 0);
	if (made_up.slow) {
		sem_post(&made_up.begun);
		sem_wait(&made_up.go_on);
	}
	made_up.readied += !made_up.changed;
	made_up.changed = true;
	return 0;
}

void __wrap_netdev_genl_queues(struct nic_facts *facts);

void __wrap_netdev_genl_queues(struct nic_facts *facts)
{
	struct queue_facts *q = nic_queue(facts, queue);
	made_up.asked++;
	q->listed = true;
	q->io_uring = made_up.bound;
}

void __real_facts_gather(struct facts *f, const char *nic, uint32_t ifindex);
void __wrap_facts_gather(struct facts *f, const char *nic, uint32_t ifindex);

void __wrap_facts_gather(struct facts *f, const char *nic, uint32_t ifindex)
{
	made_up.gathered++;
	__real_facts_gather(f, nic, ifindex);
}

int nic_put_back(const char *dir, const char *nic, nic_say say)
{
	(void)say;
	if (made_up.away || strcmp(nic, NIC) != 0)
		return -ENODEV;
	int r = journal_remove(dir, nic);
	if (r == 0)
		made_up.changed = false;
	return r;
}

int nic_journal_resume(const char *dir, const char *nic, const struct nic_queues *queues,
		       nic_say say, struct nic_before *ret)
{
	(void)dir, (void)nic, (void)queues, (void)say, (void)ret;
	return -ENOENT; /* no lease of a zcrxd before is taken over here */
}

int nic_keep_ready(const char *nic, const struct nic_queues *queues)
{
	(void)nic;
	(void)queues;
	made_up.changed = true;
	return 0;
}

static struct policy policy;
static struct config_nic other = {.name = GONE, .queues = {&queue, 1}};
static struct config_nic nic = {.name = NIC,
				.queues = {&queue, 1},
				.linger_seconds = LINGER,
				.next = &other};
static struct user *user;

static int setup(void **state)
{
	(void)state;
	sem_init(&made_up.begun, 0, 0);
	sem_init(&made_up.go_on, 0, 0);
	int r = mkdtemp(state_dir) ? policy_init(&policy) : -1;
	if (r < 0)
		return r;
	policy.classes->nics = (struct policy_nics){calloc(2, sizeof(struct policy_nic)), 2};
	strcpy(policy.classes->nics.nics[0].name, NIC);
	strcpy(policy.classes->nics.nics[1].name, GONE);
	policy.classes->limits.leases_per_minute = LEASES;
	policy.classes->limits.most[ACCOUNT_QUEUES] = 1;
	/* A zcrxd that died left this, and the NIC is away. */
	assert_int_equal(journal_write(state_dir, &before), 0);
	made_up.changed = made_up.away = true;
	leases_init(&nic, state_dir);
	leases_settle();
	r = user_get(&user, "default", &policy.classes->limits, 0, clock_ns(), NULL);
	return r;
}

static int teardown(void **state)
{
	(void)state;
	user_put(user);
	account_done();
	policy_done(&policy);
	return rmdir(state_dir);
}

struct opening {
	struct lease *lease;
	int r;
	char why[NIC_SENTENCE_BYTES];
};

static void *take(void *arg)
{
	struct opening *o = arg;
	struct lease_wish wish = {.class = policy.classes,
				  .user = user,
				  .nic = "",
				  .n = 1,
				  .poke = -1};
	o->r = lease_take(&o->lease, &wish, o->why);
	return NULL;
}

static void *done(void *arg)
{
	(void)arg;
	leases_done();
	return NULL;
}

static void assert_put_back_by_and_by(void)
{
	const struct timespec pause = {.tv_nsec = 20000000};
	for (int i = 0; made_up.changed && i < PATIENCE; i++) {
		leases_look();
		nanosleep(&pause, NULL);
	}
	assert_false(made_up.changed);
}

static void one_that_was_away_at_the_start_is_put_back(void **state)
{
	(void)state;
	assert_true(made_up.changed);
	made_up.away = false;
	assert_put_back_by_and_by();
}

static void a_nic_stays_ready_for_a_while(void **state)
{
	(void)state;
	for (int i = 0; i < LEASES - 2; i++) {
		struct opening o = {0};
		take(&o);
		assert_int_equal(o.r, 0);
		assert_int_equal(leases_look(), UINT64_MAX);
		uint64_t before_ns = clock_ns();
		lease_end(o.lease);
		assert_true(made_up.changed);
		assert_in_range(leases_look(), before_ns + LINGER * NS_A_SECOND,
				clock_ns() + LINGER * NS_A_SECOND);
	}
	assert_int_equal(made_up.readied, 1);
	nic.linger_seconds = 1;
	struct opening o = {0};
	take(&o);
	assert_int_equal(o.r, 0);
	uint64_t before_ns = clock_ns();
	lease_end(o.lease);
	assert_put_back_by_and_by();
	assert_true(clock_ns() - before_ns >= NS_A_SECOND);
	assert_int_equal(leases_look(), UINT64_MAX);
}

/* From before it is taken until it has ended. */
static void a_lease_is_charged_its_queues(void **state)
{
	(void)state;
	struct opening o = {0};
	nic.linger_seconds = 0;
	take(&o);
	assert_int_equal(o.r, 0);
	assert_int_equal(account_hardware(user, 1, NULL), -EDQUOT);
	lease_end(o.lease);
	assert_int_equal(account_hardware(user, 1, NULL), 0);
	take(&o);
	assert_int_equal(o.r, -EDQUOT);
	assert_non_null(strstr(o.why, "have queues= of [class default]"));
	account_hardware_release(user, 1);
}

/* A user who has taken no lease yet. Returns the one before. */
static struct user *another(uid_t uid)
{
	struct user *last = user;
	assert_int_equal(user_get(&user, "default", &policy.classes->limits, uid, clock_ns(), NULL),
			 0);
	return last;
}

static void back_to(struct user *last)
{
	user_put(user);
	user = last;
}

static bool has_hardware(void)
{
	int r = account_hardware(user, 1, NULL);
	account_hardware_release(user, r == 0);
	return r < 0;
}

/* Whoever had it may keep it open: what counts is what the kernel says. */
static void a_queue_that_the_kernel_has_not_let_go_of_is_nobodys(void **state)
{
	(void)state;
	struct opening o = {0}, late = {0};
	struct user *first = another(10);
	nic.linger_seconds = 0;
	take(&o);
	assert_int_equal(o.r, 0);
	made_up.bound = true;
	lease_end(o.lease);
	leases_look();
	assert_true(has_hardware());
	assert_true(made_up.changed);
	take(&late);
	assert_true(late.r < 0);
	/* Another user does not get the queue either. */
	struct user *second = another(11);
	take(&late);
	assert_true(late.r < 0);
	back_to(second);
	made_up.bound = false;
	assert_put_back_by_and_by();
	assert_false(has_hardware());
	back_to(first);
}

static void *let_go(void *arg)
{
	(void)arg;
	usleep(50000);
	made_up.bound = false;
	return NULL;
}

/* io_uring lets go of a queue some time after its ring was closed: nobody is refused for that. */
static void a_queue_that_the_kernel_lets_go_of_is_waited_for(void **state)
{
	(void)state;
	struct opening o = {0};
	pthread_t thread;
	struct user *first = another(12);
	take(&o);
	assert_int_equal(o.r, 0);
	made_up.bound = true;
	lease_end(o.lease);
	pthread_create(&thread, NULL, let_go, NULL);
	take(&o);
	assert_int_equal(o.r, 0);
	pthread_join(thread, NULL);
	lease_end(o.lease);
	assert_false(has_hardware());
	back_to(first);
}

/* Each would have to ask every 5 ms, for himself. */
static void all_who_wait_share_what_the_kernel_says(void **state)
{
	(void)state;
	struct opening o = {0}, late[WAITERS] = {0};
	pthread_t threads[WAITERS];
	struct user *first = another(13);
	take(&o);
	assert_int_equal(o.r, 0);
	made_up.bound = true;
	lease_end(o.lease);
	uint64_t due_ns = leavings_at(&leases_at(0)->leaving), begin_ns = clock_ns();
	int asked = made_up.asked;
	for (int i = 0; i < WAITERS; i++)
		pthread_create(&threads[i], NULL, take, &late[i]);
	for (int i = 0; i < WAITERS; i++)
		pthread_join(threads[i], NULL);
	asked = made_up.asked - asked;
	assert_in_range(asked, 1, (clock_ns() - begin_ns) / (5 * NS_A_MS) + 1);
	assert_true(late[0].r < 0);
	/* Who waits does not make the next look of nobody's later. */
	assert_int_equal(leavings_at(&leases_at(0)->leaving), due_ns);
	made_up.bound = false;
	assert_put_back_by_and_by();
	back_to(first);
}

/* What cannot be leased at all is refused at once, whatever was given back a moment ago. */
static void nobody_waits_for_more_queues_than_there_are(void **state)
{
	(void)state;
	struct opening o = {0};
	struct user *first = another(15);
	take(&o);
	assert_int_equal(o.r, 0);
	made_up.bound = true;
	lease_end(o.lease);
	int asked = made_up.asked;
	const struct lease_wish wish = {.class = policy.classes,
					.user = user,
					.nic = NIC,
					.n = 2,
					.poke = -1};
	assert_int_equal(lease_take(&o.lease, &wish, o.why), -EBUSY);
	assert_int_equal(made_up.asked, asked);
	made_up.bound = false;
	assert_put_back_by_and_by();
	back_to(first);
}

/* Each look at what leads packets to the queues of a NIC costs much. */
static void who_looks_after_what_has_left_does_not_wake_the_guard(void **state)
{
	(void)state;
	struct opening o = {0};
	struct user *first = another(14);
	const struct timespec pause = {.tv_nsec = 20000000};
	take(&o);
	assert_int_equal(o.r, 0);
	made_up.bound = true;
	lease_end(o.lease);
	uint64_t begin_ns = clock_ns();
	int gathered = made_up.gathered;
	for (int i = 0; i < 50; i++) {
		leases_look();
		nanosleep(&pause, NULL);
	}
	/* Once since the lease began, and every 2 s. */
	gathered = made_up.gathered - gathered;
	assert_in_range(gathered, 0, 2 + (clock_ns() - begin_ns) / (2 * NS_A_SECOND));
	/* Something has changed. */
	gathered = made_up.gathered;
	leases_changed();
	for (int i = 0; made_up.gathered == gathered && i < PATIENCE; i++)
		nanosleep(&pause, NULL);
	assert_true(made_up.gathered > gathered);
	made_up.bound = false;
	assert_put_back_by_and_by();
	back_to(first);
}

static void leases_of_a_user_are_limited(void **state)
{
	(void)state;
	struct opening o = {0};
	unsigned wait = 0;
	nic.linger_seconds = 0;
	/* Twice as often, since a minute may begin anew meanwhile. */
	for (int i = 0; o.r == 0 && i < 2 * LEASES; i++) {
		take(&o);
		if (o.r == 0)
			lease_end(o.lease);
	}
	int readied = made_up.readied;
	assert_int_equal(o.r, -EDQUOT);
	const char *again = strstr(o.why, "try again in ");
	assert_non_null(again);
	assert_int_equal(sscanf(again,
				"try again in %u s, or have leases-per-minute= of [class default]",
				&wait),
			 1);
	assert_in_range(wait, 1, 60);
	assert_int_equal(made_up.readied, readied);
	assert_false(made_up.changed);
	/* Another user has its own. */
	struct user *same = user;
	assert_int_equal(user_get(&user, "default", &policy.classes->limits, 1, clock_ns(), NULL),
			 0);
	take(&o);
	assert_int_equal(o.r, 0);
	lease_end(o.lease);
	assert_false(made_up.changed);
	user_put(same);
}

static const struct limits *faster(const char *pool, void *data)
{
	(void)pool;
	return data;
}

/* Two more than may be had at once, in half a second each. */
static void a_lease_that_is_due_soon_is_waited_for(void **state)
{
	(void)state;
	struct opening o = {0};
	struct user *same = user;
	struct limits limits = policy.classes->limits;
	limits.leases_per_minute = 120;
	account_limits(faster, &limits);
	assert_int_equal(user_get(&user, "default", &limits, 2, clock_ns(), NULL), 0);
	uint64_t before_ns = clock_ns();
	for (int i = 0; i < 16 + 2; i++) {
		take(&o);
		assert_int_equal(o.r, 0);
		lease_end(o.lease);
	}
	assert_true(clock_ns() - before_ns >= NS_A_SECOND);
	user_put(user);
	user = same;
}

/* zcrxd ends while a client's thread is between the journal and the change. */
static void the_end_waits_for_a_lease_that_is_being_taken(void **state)
{
	(void)state;
	struct opening first = {0}, late = {.r = 1};
	pthread_t taking, ending;
	struct timespec soon;
	made_up.slow = true;
	pthread_create(&taking, NULL, take, &first);
	sem_wait(&made_up.begun);
	pthread_create(&ending, NULL, done, NULL);
	clock_gettime(CLOCK_REALTIME, &soon);
	soon.tv_sec += 1;
	assert_int_equal(pthread_timedjoin_np(ending, NULL, &soon), ETIMEDOUT);
	sem_post(&made_up.go_on);
	pthread_join(taking, NULL);
	pthread_join(ending, NULL);
	assert_int_equal(first.r, 0);
	assert_false(made_up.changed);
	assert_int_equal(journal_remove(state_dir, NIC), -ENOENT);

	/* The one that was taken changes nothing any more, and there are no others. */
	struct nic_rule rule = {.family = 2, .local_port = 1};
	struct nic_place here = {.kind = NIC_PLACE_LOCAL};
	struct lease_rule *set;
	assert_int_equal(lease_steer(first.lease, &rule, &here, &set), -ESHUTDOWN);
	leases_look();
	assert_false(lease_has_news(first.lease));
	made_up.slow = false;
	take(&late);
	assert_int_equal(late.r, -ESHUTDOWN);
	assert_non_null(strstr(late.why, "shutting down"));
	lease_end(first.lease);
	assert_false(made_up.changed);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(one_that_was_away_at_the_start_is_put_back),
		cmocka_unit_test(a_nic_stays_ready_for_a_while),
		cmocka_unit_test(a_lease_is_charged_its_queues),
		cmocka_unit_test(a_queue_that_the_kernel_has_not_let_go_of_is_nobodys),
		cmocka_unit_test(a_queue_that_the_kernel_lets_go_of_is_waited_for),
		cmocka_unit_test(all_who_wait_share_what_the_kernel_says),
		cmocka_unit_test(nobody_waits_for_more_queues_than_there_are),
		cmocka_unit_test(who_looks_after_what_has_left_does_not_wake_the_guard),
		cmocka_unit_test(leases_of_a_user_are_limited),
		cmocka_unit_test(a_lease_that_is_due_soon_is_waited_for),
		cmocka_unit_test(the_end_waits_for_a_lease_that_is_being_taken),
	};
	return cmocka_run_group_tests(tests, setup, teardown);
}
