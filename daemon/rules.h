/* SPDX-License-Identifier: MIT */
/*
 * The ntuple rules that zcrxd has set on a NIC: no two for the same packets, and set again when
 * somebody else removes them. Whoever calls holds the NIC's lock.
 */
#ifndef ZCRXD_RULES_H
#define ZCRXD_RULES_H

#include <sys/queue.h>

#include "../nic/change.h"

struct lease_rule;

struct rules {
	const char *nic; /* borrowed */
	LIST_HEAD(, lease_rule) list;
};

void rules_init(struct rules *rules, const char *nic);

/* Returns 0, -EALREADY if one matches the same, -ENOMEM, or the errno of nic_rule_add(). */
int rules_add(struct rules *rules, const struct nic_rule *match, struct lease_rule **ret);
void rules_del(const struct rules *rules, struct lease_rule *rule);

/* Sets rules again that are gone, as they are once somebody switched ntuple rules off. */
void rules_mend(struct rules *rules);

#endif
