/* SPDX-License-Identifier: MIT */
/*
 * Dma-bufs that the broker makes for a pump which then releases what it was charged. The hands are
 * this file's; a memfd stands for the dma-buf. The linker puts the functions of here in the place
 * of those that tell how many have it, and that close it.
 */
#include <errno.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/clock.h"
#include "daemon/broker/errand.h"
#include "daemon/common/may_wait.h"
#include "daemon/grant/account.h"
#include "daemon/grant/classes.h"
#include "daemon/grant/files.h"
#include "daemon/grant/kept.h"
#include "proto/wire.h"
#include "tests/harness/lone_pump.h"

#define BYTES 4096
#define MOST  3 /* areas of a user */
#define LIMIT 60000

static struct lone_pump lone;
static struct errands errands;

/* ---- the dma-buf ---- */

FILE *__real_fopen(const char *path, const char *mode);
FILE *__wrap_fopen(const char *path, const char *mode);
int __real_close(int fd);
int __wrap_close(int fd);

static _Atomic bool nobody_has_it;
static _Atomic int last = -1, hold = -1; /* closing the last one waits for this eventfd */
static _Atomic bool closed;

FILE *__wrap_fopen(const char *path, const char *mode)
{
	static char nobody[] = "count:\t1\n", somebody[] = "count:\t2\n";
	if (strncmp(path, "/proc/self/fdinfo/", 18) != 0)
		return __real_fopen(path, mode);
	return fmemopen(nobody_has_it ? nobody : somebody, sizeof(nobody) - 1, "r");
}

int __wrap_close(int fd)
{
	eventfd_t n;
	if (fd >= 0 && fd == last) {
		if (hold >= 0)
			eventfd_read(hold, &n);
		last = -1;
		closed = true;
	}
	return __real_close(fd);
}

int __real_inotify_add_watch(int fd, const char *path, uint32_t mask);
int __wrap_inotify_add_watch(int fd, const char *path, uint32_t mask);

static bool no_watch;

int __wrap_inotify_add_watch(int fd, const char *path, uint32_t mask)
{
	errno = ENOSPC;
	return no_watch ? -1 : __real_inotify_add_watch(fd, path, mask);
}

/* ---- the hand ---- */

static struct hand {
	const struct hand_calls *calls;
	void *owner;
} hand;

int hand_start(struct hand **ret, struct hands *all, const struct hand_order *order)
{
	(void)all;
	hand = (struct hand){order->calls, order->owner};
	*ret = &hand;
	return 0;
}

unsigned hands_held(const struct hands *all, uint64_t payer)
{
	(void)all, (void)payer;
	return 0;
}

bool hand_is_new(const struct hand *h)
{
	(void)h;
	return true;
}

pid_t hand_pid(const struct hand *h)
{
	(void)h;
	return getpid();
}

void hand_forget(struct hand *h)
{
	h->calls = NULL;
}

int hands_new(struct hands **ret, sd_event *loop, const char *program,
	      void (*gone)(void *data, uint64_t payer), void *data)
{
	(void)ret, (void)loop, (void)program, (void)gone, (void)data;
	return -ENOSYS;
}

struct hands *hands_free(struct hands *all)
{
	return all;
}

/* Its job is to make a dma-buf. */
static void hand_does_it(void)
{
	int memfd = memfd_create("area", MFD_CLOEXEC);
	assert_int_equal(hand.calls->shown(hand.owner, &memfd, 1), 0);
	int dmabuf = memfd_create("dmabuf", MFD_CLOEXEC);
	hand.calls->done(hand.owner, &(struct hand_reply){.fault = HAND_DONE}, dmabuf);
	last = dmabuf;
	close(memfd);
}

/* ---- the pump ---- */

static int setup(void **state)
{
	struct policy policy;
	int due[2];
	(void)state;
	LIST_INIT(&errands.lines);
	if (files_init(due) < 0 || policy_init(&policy) < 0)
		return -1;
	policy.classes->udmabuf = true;
	policy.classes->limits.most[ACCOUNT_AREAS] = MOST;
	policy.classes->limits.most[ACCOUNT_BYTES] = 2 * BYTES;
	nobody_has_it = false;
	if (classes_set(&policy) < 0 || !lone_pump_start(&lone, NULL))
		return -1;
	lone.pump.all_errands = &errands;
	return 0;
}

/* What is kept would stay charged for as long as the test runs. */
static int teardown(void **state)
{
	(void)state;
	lone_pump_end(&lone);
	files_done();
	account_done();
	return 0;
}

static void say(union link_any m, uint16_t type)
{
	assert_true(lone_pump_say(&lone, &m, type, link_is_asked(type) ? 1 : 0));
}

static void areas(uint16_t type, uint64_t n)
{
	say((union link_any){.as_CHARGE = {.kind = ACCOUNT_AREAS, .n = n}}, type);
}

/* Begins to make a dma-buf. */
static void udmabuf(void)
{
	say((union link_any){.as_UDMABUF = {.bytes = BYTES}}, LINK_UDMABUF);
}

static uint64_t used(void)
{
	uint64_t all[ACCOUNT_KINDS];
	account_used(POLICY_DEFAULT, all);
	return all[ACCOUNT_AREAS];
}

static void one_stays_charged_whatever_is_released(void **state)
{
	(void)state;
	areas(LINK_CHARGE, 3);
	udmabuf();
	hand_does_it();
	udmabuf();
	hand_does_it();
	areas(LINK_RELEASE, 1); /* of the area without one */
	assert_int_equal(used(), 2);
	areas(LINK_RELEASE, 2);
	assert_int_equal(used(), 2);
	assert_false(lone.pump.broken);
	areas(LINK_RELEASE, 1);
	assert_int_equal(used(), 2);
	assert_true(lone.pump.broken);
}

static void what_a_broker_before_has_forgotten_is_no_way_out(void **state)
{
	(void)state;
	areas(LINK_CHARGE, 1);
	udmabuf();
	hand_does_it();
	lone.pump.taken = true;
	say((union link_any){.hdr = {0}}, LINK_HAVE);
	assert_int_equal(used(), 1);
	assert_false(lone.pump.broken);
}

static void one_that_is_being_made_is_not_given_back(void **state)
{
	(void)state;
	areas(LINK_CHARGE, 2);
	udmabuf();
	areas(LINK_RELEASE, 1);
	assert_false(lone.pump.broken);
	areas(LINK_RELEASE, 1);
	assert_true(lone.pump.broken);
	assert_int_equal(used(), 1);
}

/* The error of the last reply; -EAGAIN without one. Nothing that comes is given. */
static int answer(void)
{
	union link_any m;
	int fds[MSG_FDS_MAX], n, r = -EAGAIN;
	uint32_t nfds = 0;
	while ((n = wire_recv(lone.end, &m.any, fds, &nfds, MSG_DONTWAIT)) > 0) {
		wire_close(fds, nfds);
		if (m.hdr.type != LINK_GIVE)
			r = m.hdr.error;
	}
	return r;
}

static int answer_wait(void)
{
	int64_t until = clock_until(LIMIT);
	int r;
	while ((r = answer()) == -EAGAIN) {
		if (pump_work_over(&lone.pump))
			pump_work_on(&lone.pump);
		assert_true(clock_left(until) && usleep(1000) == 0);
	}
	return r;
}

/* One that the client had, and has no more, and the areas that it may have beside. */
static void one_is_kept(void)
{
	areas(LINK_CHARGE, MOST);
	udmabuf();
	hand_does_it();
	areas(LINK_RELEASE, MOST);
	areas(LINK_CHARGE, MOST - 1);
	answer();
	assert_int_equal(used(), MOST);
	nobody_has_it = true;
	usleep(20000); /* so soon nobody looks again */
}

static void who_may_not_wait_has_it_closed_by_others(void **state)
{
	(void)state;
	one_is_kept();
	hold = eventfd(0, EFD_CLOEXEC);
	closed = false;
	may_wait_set(false);
	areas(LINK_CHARGE, 1);
	assert_false(closed);
	assert_int_equal(answer(), -EAGAIN);
	udmabuf(); /* others of this user's go on */
	assert_int_equal(answer(), -EAGAIN);
	eventfd_write(hold, 1);
	assert_int_equal(answer_wait(), 0);
	assert_true(closed);
	assert_int_equal(used(), MOST);
	may_wait_set(true);
	close(hold);
	hold = -1;
}

static void *reap_for(void *arg)
{
	struct user *u = arg;
	files_reap(u);
	return NULL;
}

/* Nobody waits for a dma-buf of somebody else's, however long it takes to close it. */
static void one_that_is_being_closed_holds_up_nobody_else(void **state)
{
	struct user *other;
	pthread_t thread;
	(void)state;
	one_is_kept();
	hold = eventfd(0, EFD_CLOEXEC);
	closed = false;
	may_wait_set(false);
	files_reap(NULL);
	assert_false(closed);
	/* Nothing of the other's is being closed: it is refused now, and waits for nothing. */
	assert_int_equal(user_get(&other, POLICY_DEFAULT, &lone.limits, getuid() + 1, clock_ns(),
				  NULL),
			 0);
	assert_false(kept_is_closing(other, kept_closed(other)));
	assert_int_equal(pthread_create(&thread, NULL, reap_for, other), 0);
	pthread_join(thread, NULL);
	assert_false(closed);
	uint64_t before = kept_closed(lone.pump.who.user);
	assert_true(kept_is_closing(lone.pump.who.user, before));
	eventfd_write(hold, 1);
	may_wait_set(true);
	files_reap(NULL);
	assert_true(closed);
	/* Whoever was refused before this has more now. */
	assert_true(kept_is_closing(lone.pump.who.user, before));
	assert_false(kept_is_closing(other, kept_closed(other)));
	assert_false(kept_is_closing(lone.pump.who.user, kept_closed(lone.pump.who.user)));
	user_put(other);
	close(hold);
	hold = -1;
}

/* All bytes of the user's, as many of which the dma-buf has. */
static void file_is_shown(void)
{
	int memfd = memfd_create("area", MFD_CLOEXEC);
	int r = hand.calls->shown(hand.owner, &memfd, 1);
	const struct hand_reply reply = {.fault = r < 0 ? HAND_REFUSED : HAND_DONE, .error = r};
	hand.calls->done(hand.owner, &reply, -1);
	close(memfd);
}

/* The hand has ended by then: there is another one. */
static void an_errand_that_was_refused_begins_once_more(void **state)
{
	int64_t until = clock_until(LIMIT);
	(void)state;
	one_is_kept();
	hold = eventfd(0, EFD_CLOEXEC);
	may_wait_set(false);
	say((union link_any){.as_FILE = {.bytes = 2 * BYTES}}, LINK_FILE);
	file_is_shown();
	assert_int_equal(answer(), -EAGAIN);
	eventfd_write(hold, 1);
	hand.calls = NULL;
	while (!hand.calls) {
		if (pump_work_over(&lone.pump))
			pump_work_on(&lone.pump);
		assert_true(clock_left(until) && usleep(1000) == 0);
	}
	file_is_shown();
	assert_int_equal(answer(), 0);
	/* Where nothing is being closed it stays refused. */
	say((union link_any){.as_FILE = {.bytes = 2 * BYTES + 1}}, LINK_FILE);
	file_is_shown();
	assert_int_equal(answer(), -EDQUOT);
	may_wait_set(true);
	close(hold);
	hold = -1;
}

/* What is closed has watches (fs.inotify.max_user_watches). */
static void an_errand_that_found_no_watch_begins_once_more(void **state)
{
	int64_t until = clock_until(LIMIT);
	(void)state;
	one_is_kept();
	may_wait_set(false);
	say((union link_any){.as_FILE = {.bytes = BYTES}}, LINK_FILE);
	no_watch = true;
	file_is_shown();
	no_watch = false;
	assert_int_equal(answer(), -EAGAIN);
	hand.calls = NULL;
	while (!hand.calls) {
		if (pump_work_over(&lone.pump))
			pump_work_on(&lone.pump);
		assert_true(clock_left(until) && usleep(1000) == 0);
	}
	file_is_shown();
	assert_int_equal(answer(), 0);
	may_wait_set(true);
}

#define CASE(function) cmocka_unit_test_setup_teardown(function, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(one_stays_charged_whatever_is_released),
		CASE(what_a_broker_before_has_forgotten_is_no_way_out),
		CASE(one_that_is_being_made_is_not_given_back),
		CASE(who_may_not_wait_has_it_closed_by_others),
		CASE(one_that_is_being_closed_holds_up_nobody_else),
		CASE(an_errand_that_was_refused_begins_once_more),
		CASE(an_errand_that_found_no_watch_begins_once_more),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
