/* SPDX-License-Identifier: MIT */
/*
 * The leases that a pump has, and the rules of each. They change in jobs (pump.h), and before there
 * are any. Whoever changes a list has the pump's lock, and so has who looks at one: but a job on a
 * lease may look at the rules of that lease, since no other job is on it.
 */
#ifndef ZCRXD_HELD_H
#define ZCRXD_HELD_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/queue.h>
#include <sys/types.h>

struct lease;
struct lease_rule;
struct pump;
struct record_entry;

struct held_rule {
	LIST_ENTRY(held_rule) link;
	uint32_t id;
	struct lease_rule *rule;
	const char *why; /* what the pump was told last: why it brings no packets, or NULL */
	uint32_t record; /* the number of its entry in the pump's record */
};

struct held_lease {
	LIST_ENTRY(held_lease) link;
	uint32_t id;     /* the pump's number for it, which may be used again when it has ended */
	uint64_t number; /* the broker's; no two that the pump ever had have the same */
	struct lease *lease;
	uint32_t record;  /* the number of its entry in the pump's record */
	uint32_t lost;    /* the reason why it is lost, as the pump was told; or 0 */
	uint64_t lost_ns; /* since when this is counted (serve_lease_news.c) */
	bool lost_last;   /* ... and whether these are the last seconds */
	/* What follows is guarded by the pump's lock. */
	bool registering; /* a hand is, or waits for its turn */
	/*
	 * The hand that registers its queues, or was given up when it did: as long as there is its
	 * process it may register them, and no other hand begins. 0: there is none.
	 */
	pid_t hand;
	uint64_t hand_started;
	/*
	 * The pump has ended it, and can name it no more. It stays here, and in the record, until
	 * the kernel has let go of the queues: the pump may have kept its ring, or its binding.
	 */
	bool ended;
	bool going;     /* a job frees it */
	bool struck;    /* the record does not have it any more */
	bool new_rules; /* nobody has looked yet whether there is news of these */
	LIST_HEAD(, held_rule) rules;
};

/*
 * The lease that has not ended, or the rule, that the pump calls so; or NULL. held_get() takes the
 * lock itself.
 */
struct held_lease *held_find(struct pump *p, uint32_t id);
struct held_lease *held_get(struct pump *p, uint32_t id);
struct held_lease *held_number(struct pump *p, uint64_t number);
struct held_rule *held_rule_find(const struct held_lease *h, uint32_t id);

/*
 * The pump has it from now on. Its news may have come already, when nobody found it in the list: so
 * the control thread looks again.
 */
void held_add(struct pump *p, struct held_lease *h);
void held_rule_add(struct pump *p, struct held_lease *h, struct held_rule *rule);

/* Deletes the rule, strikes it from the record, and frees it. */
void held_rule_drop(struct pump *p, struct held_lease *h, struct held_rule *rule);

/* What the record has of it. With the lock held held_note() writes that to it. */
struct record_entry held_entry(const struct held_lease *h);
void held_note(struct pump *p, const struct held_lease *h);

/*
 * Gives the queues of a lease back whose `ended` was set, with all of its rules. The lease may be
 * freed at any time from then on, if others look at the pump's leases meanwhile.
 */
void held_leave(struct pump *p, struct held_lease *h);

/*
 * The record does not have it any more: it has left, or its pump has ended. There is no
 * held_note() after it.
 */
void held_strike(struct pump *p, struct held_lease *h);

/*
 * For a lease that has left, or whose pump has ended: strikes it from the record and frees it. May
 * wait for the NIC, so call it from a job.
 */
void held_free(struct pump *p, struct held_lease *h);

/* The pump has ended: gives the lease back, if the pump has not, and frees it. */
void held_drop(struct pump *p, struct held_lease *h);

#endif
