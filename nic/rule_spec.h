/* SPDX-License-Identifier: MIT */
/* Rules as the ethtool ioctl has them. For ntuple.c only. */
#ifndef ZCRX_NIC_RULE_SPEC_H
#define ZCRX_NIC_RULE_SPEC_H

#include "nic/rule.h"

struct ethtool_rx_flow_spec;
struct ethtool_rxnfc;

/* What is to be set; the location stays. */
void rule_spec_write(struct ethtool_rx_flow_spec *fs, const struct nic_rule *rule);

/* What was read. */
void rule_spec_read(const struct ethtool_rxnfc *nfc, struct nic_rule_at *ret);

#endif
