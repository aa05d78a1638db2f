/* SPDX-License-Identifier: MIT */
/*
 * The ntuple rules that zcrxd has set on a NIC; no two match the same packets. nic/exclusive.h
 * judges what became of them. Here a rule that is gone is set again, a rule whose address has moved
 * away is taken away until the address is back, and a rule whose socket has gone for good. The
 * caller holds the NIC's lock, but for rule_why().
 */
#ifndef ZCRXD_RULES_H
#define ZCRXD_RULES_H

#include <stdbool.h>
#include <sys/queue.h>

#include "nic/exclusive.h"
#include "nic/rule_notes.h"

struct guarded;
struct lease_rule;
struct nic_before;

struct rules {
	const char *nic; /* borrowed */
	struct rule_notes notes;
	LIST_HEAD(, lease_rule) list; /* rules that could not be deleted yet are in it, too */
	uint32_t n;                   /* rules in the list */
};

void rules_init(struct rules *rules, const char *nic);

/*
 * The NIC was made ready, and its journal is in the folder dir; rules are noted there. Rules that
 * could not be deleted before are gone from the NIC (nic/ready.h), and are forgotten. Returns 0 or
 * a negative errno.
 */
int rules_begin(struct rules *rules, const char *dir);

/*
 * Sets a rule for a lease. place: where the local address was when the rule was judged. Returns 0,
 * -EALREADY if a rule of zcrxd's matches the same, -ENOMEM, the errno of nic_rule_add(), or that of
 * the note.
 */
int rules_add(struct rules *rules, const struct nic_rule *match, const struct nic_place *place,
	      struct guarded *lease, struct lease_rule **ret);

/*
 * Takes over a rule that the zcrxd before this one set for the lease, wherever on the NIC the rule
 * stands. told: rule_why() was not NULL then. Returns 0, -EALREADY or -ENOMEM.
 */
int rules_again(struct rules *rules, const struct nic_rule *match, const struct nic_place *place,
		bool told, struct guarded *lease, struct lease_rule **ret);

/*
 * All rules were taken over by rules_again(). Finds where they stand on the NIC and deletes the
 * other rules that the NIC's journal has. The journal, which is in the folder dir and says what
 * `before` says, stays in use. Returns 0 or a negative errno.
 */
int rules_resume(struct rules *rules, const char *dir, const struct nic_before *before);

/* Which packets it matches, and where their address was when it was judged. */
void rule_where(const struct lease_rule *rule, struct nic_rule *ret_match,
		struct nic_place *ret_place);

/* Deletes a rule; if that fails now, later. */
void rules_del(struct rules *rules, struct lease_rule *rule);

/*
 * Tries again to delete the rules that could not be deleted. Returns whether one of them still
 * steers to the queue.
 */
bool rules_left(struct rules *rules, uint32_t queue);

/*
 * Why packets that the rule matches do not come to its queue: a constant sentence, or NULL if they
 * do. Any thread may ask.
 */
const char *rule_why(const struct lease_rule *rule);

/*
 * Copies the rules for nic_exclusive_judge(), without where the addresses are now. Returns NULL if
 * there is no memory.
 */
struct nic_own_rule *rules_copy(const struct rules *rules);

/* Puts right what was judged of that copy. No rule was added or deleted since. */
void rules_mend(struct rules *rules, const struct nic_own_rule *verdicts);

#endif
