/* SPDX-License-Identifier: MIT */
#include "policy/config_nics.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "nic/nic.h"

#define LINE_BYTES  400
#define NAMES_SHOWN 8u /* a host may have hundreds of interfaces */

static const struct link_facts *link_find(const struct link_facts *links, unsigned n,
					  const char *name)
{
	for (unsigned i = 0; i < n; i++)
		if (strcmp(links[i].name, name) == 0)
			return &links[i];
	return NULL;
}

static void names_print(const struct link_facts *links, unsigned n, char *buf, size_t size)
{
	unsigned shown = n < NAMES_SHOWN ? n : NAMES_SHOWN;
	size_t used = 0;
	*buf = '\0';
	for (unsigned i = 0; i < shown; i++)
		used += (size_t)snprintf(buf + used, size - used, "%s%s", i ? ", " : "",
					 links[i].name);
	if (shown < n)
		snprintf(buf + used, size - used, " and %u more", n - shown);
}

/* The kernel does not tell how many queues some interfaces have, such as those that are down. */
static void queues_compare(const struct config_nic *nic, const struct link_facts *link,
			   const char *path, void (*say)(const char *line))
{
	struct nic_facts facts = {.link = *link};
	ethtool_nl_gather(&facts);
	uint32_t has = facts.ethtool.channels_err ? 0 : facts.ethtool.rx_queues;
	for (uint32_t i = 0; has > 0 && i < nic->queues.n; i++) {
		if (nic->queues.ids[i] < has)
			continue;
		char line[LINE_BYTES];
		snprintf(line, sizeof(line),
			 "%s:%d: [nic %s] has no queue %u now: there are %u, from 0 on (see "
			 "ethtool -l %s)",
			 path, nic->line, nic->name, nic->queues.ids[i], has, nic->name);
		say(line);
		break;
	}
	nic_done(&facts);
}

void config_nics_compare(const struct config *c, const char *path, void (*say)(const char *line))
{
	char names[NAMES_SHOWN * (IF_NAMESIZE + 2) + 32], line[LINE_BYTES];
	struct link_facts *links = NULL;
	unsigned n = 0;
	if (!c->nics || links_gather(&links, &n) < 0)
		return;
	for (const struct config_nic *nic = c->nics; nic; nic = nic->next) {
		const struct link_facts *link = link_find(links, n, nic->name);
		if (link) {
			queues_compare(nic, link, path, say);
			continue;
		}
		names_print(links, n, names, sizeof(names));
		snprintf(line, sizeof(line),
			 "%s:%d: [nic %s]: there is no such interface now; there are %s", path,
			 nic->line, nic->name, names);
		say(line);
	}
	free(links);
}
