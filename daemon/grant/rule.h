/* SPDX-License-Identifier: MIT */
/* One rule of rules.h, for the two files that know what is in it: rules.c and rules_mend.c. */
#ifndef ZCRXD_RULE_H
#define ZCRXD_RULE_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/queue.h>

#include "nic/exclusive.h"
#include "nic/rule_notes.h"

struct guarded;
struct rules;

struct lease_rule {
	LIST_ENTRY(lease_rule) link;
	struct nic_rule match;
	struct nic_place place;
	uint32_t location;     /* on the NIC; NIC_NOWHERE: the rule is not set */
	struct guarded *lease; /* NULL: the rule is to be deleted, which failed so far */
	const char *why;       /* atomic; what rule_why() returns */
	struct rule_note note;
	uint64_t since_ns;
	bool abandoned; /* its socket has gone: it is not set any more */
	bool is_noted;
	bool untold; /* rules_mend() has to tell of it even if nothing changed */
};

/*
 * Deletes the rule on the NIC. Returns false if that failed, for instance since the NIC is being
 * reset: the rule may still be there, and keeps its location.
 */
bool rule_unset(const struct rules *rules, struct lease_rule *rule);

/* Tries again to delete the rules that could not be deleted. */
void rules_delete_again(struct rules *rules);

#endif
