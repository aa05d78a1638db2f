/* SPDX-License-Identifier: MIT */
/*
 * Dma-bufs that the broker makes for a pump which then releases what it was charged. The hands are
 * this file's; a memfd stands for the dma-buf, of which the kernel counts nobody, so that it counts
 * as somebody's for good.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmocka.h>

#include "daemon/broker/errand.h"
#include "daemon/grant/account.h"
#include "daemon/grant/classes.h"
#include "daemon/grant/files.h"
#include "proto/wire.h"
#include "tests/harness/lone_pump.h"

#define BYTES 4096

static struct lone_pump lone;
static struct errands errands;

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
	hand.calls->done(hand.owner, &(struct hand_reply){.fault = HAND_DONE},
			 memfd_create("dmabuf", MFD_CLOEXEC));
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

#define CASE(function) cmocka_unit_test_setup_teardown(function, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(one_stays_charged_whatever_is_released),
		CASE(what_a_broker_before_has_forgotten_is_no_way_out),
		CASE(one_that_is_being_made_is_not_given_back),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
