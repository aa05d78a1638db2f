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
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "../../daemon/config.h"
#include "../../daemon/lease.h"
#include "../../daemon/policy.h"
#include "../../nic/restore.h"

#define NIC "lo"

static struct {
	bool journaled, changed;
	bool slow; /* the driver: it says that it has begun, and waits until it may go on */
	sem_t begun, go_on;
} made_up;

int nic_make_ready(const char *dir, const char *nic, const struct nic_queues *queues, nic_say say,
		   char why[NIC_SENTENCE_BYTES])
{
	(void)dir;
	(void)nic;
	(void)queues;
	(void)say;
	(void)why;
	made_up.journaled = true;
	if (made_up.slow) {
		sem_post(&made_up.begun);
		sem_wait(&made_up.go_on);
	}
	made_up.changed = true;
	return 0;
}

int nic_put_back(const char *dir, const char *nic, nic_say say)
{
	(void)dir;
	(void)nic;
	(void)say;
	if (!made_up.journaled)
		return -ENOENT;
	made_up.changed = made_up.journaled = false;
	return 0;
}

int nic_put_back_all(const char *dir, nic_say say)
{
	return nic_put_back(dir, NIC, say) == -ENOENT ? 0 : 1;
}

int nic_keep_ready(const char *nic, const struct nic_queues *queues)
{
	(void)nic;
	(void)queues;
	made_up.changed = true;
	return 0;
}

static struct policy policy;

static int setup(void **state)
{
	static uint32_t queue;
	static struct config_nic nic = {.name = NIC, .queues = {&queue, 1}};
	(void)state;
	sem_init(&made_up.begun, 0, 0);
	sem_init(&made_up.go_on, 0, 0);
	int r = policy_init(&policy);
	if (r < 0)
		return r;
	policy.classes->nics = (struct policy_nics){calloc(1, sizeof(struct policy_nic)), 1};
	strcpy(policy.classes->nics.nics[0].name, NIC);
	leases_init(&nic, "/nonexistent");
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	policy_done(&policy);
	return 0;
}

struct opening {
	struct lease *lease;
	int r;
	char why[NIC_SENTENCE_BYTES];
};

static void *take(void *arg)
{
	struct opening *o = arg;
	o->r = lease_take(&o->lease, policy.classes, NIC, 1, o->why);
	return NULL;
}

static void *done(void *arg)
{
	(void)arg;
	leases_done();
	return NULL;
}

/* zcrxd ends while a client's thread is between the journal and the change. */
static void the_end_waits_for_a_lease_that_is_being_taken(void **state)
{
	(void)state;
	struct opening first = {0}, late = {.r = 1}, unknown = {0};
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
	assert_false(made_up.journaled);

	/* The one that was taken changes nothing any more, and there are no others. */
	struct nic_rule rule = {.family = 2, .local_port = 1};
	struct lease_rule *set;
	assert_int_equal(lease_steer(first.lease, &rule, &set), -ESHUTDOWN);
	assert_int_equal(lease_check(first.lease), 0);
	assert_false(made_up.changed);
	made_up.slow = false;
	take(&late);
	assert_int_equal(late.r, -ESHUTDOWN);
	assert_non_null(strstr(late.why, "shutting down"));
	assert_int_equal(lease_take(&unknown.lease, policy.classes, "none", 1, unknown.why),
			 -ENODEV);
	lease_end(first.lease);
	assert_false(made_up.changed);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_end_waits_for_a_lease_that_is_being_taken),
	};
	return cmocka_run_group_tests(tests, setup, teardown);
}
