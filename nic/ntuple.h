/* SPDX-License-Identifier: MIT */
/*
 * Sets, deletes and reads the ntuple rules of an interface. The kernel knows a rule by its location
 * only, which anybody may use again. So a rule is zcrxd's only while what stands there is what
 * zcrxd set: it is read before it is deleted. Somebody could exchange it between the two calls; the
 * kernel has no call that does both.
 */
#ifndef ZCRX_NIC_NTUPLE_H
#define ZCRX_NIC_NTUPLE_H

#include "nic/rule.h"

/*
 * Adds a rule. A lock lets one process of this machine add at a time. Returns 0 with the location;
 * -ENOSPC if the table is full; -EOPNOTSUPP or -EINVAL if the driver cannot match this or not show
 * it; -EEXIST if there is such a rule; -EBUSY if others changed the table again and again.
 */
int nic_rule_add(const char *nic, const struct nic_rule *rule, uint32_t *ret_location);

/*
 * Deletes the rule that was set at the location. Returns 0, -ENOENT if nothing stands there,
 * -EEXIST if another rule does, which is left alone, or another negative errno.
 */
int nic_rule_del(const char *nic, uint32_t location, const struct nic_rule *rule);

/* Deletes the rules that match one of these, wherever they stand. Returns 0 or the first error. */
int nic_rules_del(const char *nic, const struct nic_rule *rules, uint32_t n);

/* Reads all rules, in ascending order of their locations. The caller frees the list. */
int nic_rules_get(const char *nic, struct nic_rule_at **ret, uint32_t *ret_n);

#endif
