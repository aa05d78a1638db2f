/* SPDX-License-Identifier: MIT */
/*
 * The ntuple rules that zcrxd has set on a NIC: no two for the same packets, and set again when
 * somebody else removes them. Whoever calls holds the NIC's lock.
 */
#ifndef ZCRXD_RULES_H
#define ZCRXD_RULES_H

#include <sys/queue.h>

#include "../nic/change.h"
#include "../nic/rule_notes.h"

struct lease_rule;

struct rules {
	const char *nic; /* borrowed */
	struct rule_notes notes;
	LIST_HEAD(, lease_rule) list;
};

void rules_init(struct rules *rules, const char *nic);

/*
 * The NIC is ready, and its journal in the folder; rules are noted there. Returns 0 or a negative
 * errno.
 */
int rules_begin(struct rules *rules, const char *dir);

/* Returns 0, -EALREADY if one matches the same, -ENOMEM, the errno of nic_rule_add(), or -errno of
 * the note. */
int rules_add(struct rules *rules, const struct nic_rule *match, struct lease_rule **ret);
void rules_del(struct rules *rules, struct lease_rule *rule);

/* Sets rules again that are gone, as they are once somebody switched ntuple rules off. */
void rules_mend(struct rules *rules);

#endif
