/* SPDX-License-Identifier: MIT */
/*
 * Ntuple rules of an interface: those that zcrxd sets, and whatever anybody set, as it can be read.
 *
 * The kernel knows a rule by nothing but its location, which anybody may use again. So a rule is
 * ours only while what stands there is what we set: it is read before it is deleted. Between the
 * two calls somebody could still exchange it; the kernel has no call that does both.
 */
#ifndef ZCRX_NIC_NTUPLE_H
#define ZCRX_NIC_NTUPLE_H

#include "nic/rule.h"

/*
 * Of the processes of this machine one at a time may add. Returns 0 with the location, or
 * -ENOSPC: the table is full; -EOPNOTSUPP, -EINVAL: the driver cannot match this, or not show it;
 * -EEXIST: it has such a rule; -EBUSY: others changed the table again and again.
 */
int nic_rule_add(const char *nic, const struct nic_rule *rule, uint32_t *ret_location);

/*
 * Deletes what was set for the rule. Returns 0, -ENOENT if nothing stands there, -EEXIST if
 * something else does, which is left alone, or another errno.
 */
int nic_rule_del(const char *nic, uint32_t location, const struct nic_rule *rule);

/*
 * Deletes those of these that the interface has, wherever they stand. Others stay. Returns 0 or the
 * first error.
 */
int nic_rules_del(const char *nic, const struct nic_rule *rules, uint32_t n);

/* -ENOENT if none stands there. */
int nic_rule_read(const char *nic, uint32_t location, struct nic_rule_at *ret);

/* All there are, in ascending order of their locations. The caller frees the list. */
int nic_rules_get(const char *nic, struct nic_rule_at **ret, uint32_t *ret_n);

#endif
