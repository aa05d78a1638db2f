/* SPDX-License-Identifier: MIT */
/*
 * Gathers from ethtool netlink: rings with header split (for which there is no ioctl), channels,
 * and features.
 */
#include "nic/netlink.h"
#include "nic/nic.h"

#include <linux/ethtool_netlink.h>
#include <string.h>

static void on_rings(void *arg, struct attrs attrs)
{
	struct ethtool_facts *e = arg;
	struct attrs p;

	switch (attrs_u32(attrs, ETHTOOL_A_RINGS_TCP_DATA_SPLIT)) {
	case ETHTOOL_TCP_DATA_SPLIT_ENABLED:
		e->split = TRI_YES;
		break;
	case ETHTOOL_TCP_DATA_SPLIT_DISABLED:
		e->split = TRI_NO;
		break;
	default:
		e->split = TRI_UNKNOWN;
	}
	e->thresh_known = attrs_find(attrs, ETHTOOL_A_RINGS_HDS_THRESH, &p) ? TRI_YES : TRI_NO;
	e->thresh = attrs_u32(attrs, ETHTOOL_A_RINGS_HDS_THRESH);
}

static void on_channels(void *arg, struct attrs attrs)
{
	struct ethtool_facts *e = arg;

	e->rx_queues = attrs_u32(attrs, ETHTOOL_A_CHANNELS_RX_COUNT) +
		       attrs_u32(attrs, ETHTOOL_A_CHANNELS_COMBINED_COUNT);
	e->rx_queues_max = attrs_u32(attrs, ETHTOOL_A_CHANNELS_RX_MAX) +
			   attrs_u32(attrs, ETHTOOL_A_CHANNELS_COMBINED_MAX);
}

/*
 * Is the feature on? A set without a mask lists the bits that are on. A set with a mask lists all
 * bits and marks those that are on.
 */
static bool feature_is_set(struct attrs attrs, int set, const char *name)
{
	struct attrs bitset, bits, bit, p;
	bool masked;
	char buf[32];
	int type;

	if (!attrs_find(attrs, set, &bitset) || !attrs_find(bitset, ETHTOOL_A_BITSET_BITS, &bits))
		return false;
	masked = !attrs_find(bitset, ETHTOOL_A_BITSET_NOMASK, &p);
	while (attrs_next(&bits, &type, &bit)) {
		attrs_string(bit, ETHTOOL_A_BITSET_BIT_NAME, buf, sizeof(buf));
		if (strcmp(buf, name) == 0)
			return !masked || attrs_find(bit, ETHTOOL_A_BITSET_BIT_VALUE, &p);
	}
	return false;
}

static struct feature feature_get(struct attrs attrs, const char *name)
{
	return (struct feature){
		.active = feature_is_set(attrs, ETHTOOL_A_FEATURES_ACTIVE, name),
		.fixed = !feature_is_set(attrs, ETHTOOL_A_FEATURES_HW, name) ||
			 feature_is_set(attrs, ETHTOOL_A_FEATURES_NOCHANGE, name),
	};
}

static void on_features(void *arg, struct attrs attrs)
{
	struct ethtool_facts *e = arg;

	e->gro_hw = feature_get(attrs, "rx-gro-hw");
	e->ntuple = feature_get(attrs, "rx-ntuple-filter");
}

void ethtool_nl_gather(struct nic_facts *nic)
{
	struct ethtool_facts *e = &nic->ethtool;
	struct netlink_put header = {0, ETHTOOL_A_HEADER_DEV_INDEX, nic->link.ifindex, 0};
	struct {
		uint16_t nest;
		int *ret_err;
		struct netlink_request request;
	} asks[] = {
		{ETHTOOL_A_RINGS_HEADER,
		 &e->rings_err,
		 {.cmd = ETHTOOL_MSG_RINGS_GET, .reply = on_rings, .arg = e}},
		{ETHTOOL_A_CHANNELS_HEADER,
		 &e->channels_err,
		 {.cmd = ETHTOOL_MSG_CHANNELS_GET, .reply = on_channels, .arg = e}},
		{ETHTOOL_A_FEATURES_HEADER,
		 &e->features_err,
		 {.cmd = ETHTOOL_MSG_FEATURES_GET, .reply = on_features, .arg = e}},
	};
	struct netlink *nl = NULL;
	int r;

	r = netlink_open(&nl, ETHTOOL_GENL_NAME);
	for (size_t i = 0; i < sizeof(asks) / sizeof(asks[0]); i++) {
		header.nest = asks[i].nest;
		asks[i].request.puts = &header;
		asks[i].request.n_puts = 1;
		*asks[i].ret_err = r ? r : netlink_ask(nl, &asks[i].request);
	}
	netlink_close(nl);
}
