/* SPDX-License-Identifier: MIT */
#include "nic/steering.h"

#include <errno.h>
#include <linux/ethtool_netlink.h>
#include <stdlib.h>
#include <string.h>

#include "nic/netlink.h"

bool nic_steering_add(struct nic_steering *s, uint32_t context, const uint32_t *queues, uint32_t n)
{
	struct nic_table *tables = reallocarray(s->tables, s->n_tables + 1, sizeof(*tables));
	uint32_t *copy = malloc((n + 1) * sizeof(*copy));

	if (tables)
		s->tables = tables;
	if (!tables || !copy) {
		free(copy);
		return false;
	}
	if (n)
		memcpy(copy, queues, n * sizeof(*copy));
	s->tables[s->n_tables++] = (struct nic_table){.context = context, .queues = copy, .n = n};
	return true;
}

struct answers {
	struct nic_steering *steering;
	bool no_memory;
};

static void on_rss(void *arg, struct attrs attrs)
{
	struct answers *a = arg;
	struct attrs table;

	/* If the driver does not show the table, it gets no entries. */
	attrs_find(attrs, ETHTOOL_A_RSS_INDIR, &table);
	if (!nic_steering_add(a->steering, attrs_u32(attrs, ETHTOOL_A_RSS_CONTEXT), table.data,
			      (uint32_t)table.len / sizeof(uint32_t)))
		a->no_memory = true;
}

/* Gathers the RSS tables by a dump, as only a dump lists the further contexts. */
static int tables_gather(struct nic_steering *s, uint32_t ifindex)
{
	const struct netlink_put header = {ETHTOOL_A_RSS_HEADER, ETHTOOL_A_HEADER_DEV_INDEX,
					   ifindex, 0};
	struct answers answers = {.steering = s};
	const struct netlink_request request = {.cmd = ETHTOOL_MSG_RSS_GET,
						.dump = true,
						.puts = &header,
						.n_puts = 1,
						.reply = on_rss,
						.arg = &answers};
	struct netlink *nl;
	int r = netlink_open(&nl, ETHTOOL_GENL_NAME);

	if (r < 0)
		return r;
	r = netlink_ask(nl, &request);
	netlink_close(nl);
	return answers.no_memory ? -ENOMEM : r;
}

static void tables_done(struct nic_steering *s)
{
	for (uint32_t i = 0; i < s->n_tables; i++)
		free(s->tables[i].queues);
	free(s->tables);
	s->tables = NULL;
	s->n_tables = 0;
}

void nic_steering_gather(struct nic_steering *s, const char *nic, uint32_t ifindex)
{
	*s = (struct nic_steering){0};
	s->rss_err = tables_gather(s, ifindex);
	if (s->rss_err)
		tables_done(s);
	s->rules_err = nic_rules_get(nic, &s->rules, &s->n_rules);
}

void nic_steering_done(struct nic_steering *s)
{
	tables_done(s);
	free(s->rules);
	*s = (struct nic_steering){0};
}

const struct nic_table *nic_steering_table(const struct nic_steering *s, uint32_t context)
{
	for (uint32_t i = 0; i < s->n_tables; i++)
		if (s->tables[i].context == context)
			return &s->tables[i];
	return NULL;
}

bool nic_table_has(const struct nic_table *t, uint32_t queue)
{
	for (uint32_t i = 0; t && i < t->n; i++)
		if (t->queues[i] == queue)
			return true;
	return false;
}
