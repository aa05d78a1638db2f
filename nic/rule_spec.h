/* SPDX-License-Identifier: MIT */
/* Rules in the form of the ethtool ioctl. Only ntuple.c uses it. */
#ifndef ZCRX_NIC_RULE_SPEC_H
#define ZCRX_NIC_RULE_SPEC_H

#include "nic/rule.h"

struct ethtool_rx_flow_spec;
struct ethtool_rxnfc;

/* Writes the rule that is to be set. The location is left as it is. */
void rule_spec_write(struct ethtool_rx_flow_spec *fs, const struct nic_rule *rule);

/* Reads a rule that the kernel returned. */
void rule_spec_read(const struct ethtool_rxnfc *nfc, struct nic_rule_at *ret);

#endif
