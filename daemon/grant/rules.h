/* SPDX-License-Identifier: MIT */
/*
 * The ntuple rules that zcrxd has set on a NIC: no two for the same packets. What becomes of them
 * is judged elsewhere (nic/exclusive.h); here it is put right: a rule that is gone is set again,
 * one whose address went elsewhere is taken away until the address is back. Whoever calls holds the
 * NIC's lock, but for rule_why().
 */
#ifndef ZCRXD_RULES_H
#define ZCRXD_RULES_H

#include <stdbool.h>
#include <sys/queue.h>

#include "nic/exclusive.h"
#include "nic/rule_notes.h"

struct guarded;
struct lease_rule;

struct rules {
	const char *nic; /* borrowed */
	struct rule_notes notes;
	LIST_HEAD(, lease_rule) list; /* also of those that could not be deleted yet */
	uint32_t n;                   /* in the list */
};

void rules_init(struct rules *rules, const char *nic);

/*
 * The NIC is ready, and its journal in the folder; rules are noted there. What could not be deleted
 * before is gone from the NIC (nic/ready.h), and forgotten. Returns 0 or a negative errno.
 */
int rules_begin(struct rules *rules, const char *dir);

/*
 * A rule for whoever has the lease; `place` is where the local address was when that was judged.
 * Returns 0, -EALREADY if one matches the same, -ENOMEM, the errno of nic_rule_add(), or
 * that of the note.
 */
int rules_add(struct rules *rules, const struct nic_rule *match, const struct nic_place *place,
	      struct guarded *lease, struct lease_rule **ret);
/* One that cannot be deleted now is deleted later. */
void rules_del(struct rules *rules, struct lease_rule *rule);

/* Tries again to delete what could not be. Is there still such a rule to the queue? */
bool rules_left(struct rules *rules, uint32_t queue);

/* Why the packets do not come to the rule's queue, a constant; NULL: they do. By any thread. */
const char *rule_why(const struct lease_rule *rule);

/* For nic_exclusive_judge(), without where the addresses are now. Returns NULL without memory. */
struct nic_own_rule *rules_copy(const struct rules *rules);

/* Puts right what was judged of that copy; no rule was added or deleted since. */
void rules_mend(struct rules *rules, const struct nic_own_rule *verdicts);

#endif
