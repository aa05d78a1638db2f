/* SPDX-License-Identifier: MIT */
#include "nic/rule_line.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "nic/queues.h"

static void line_end(char line[RULE_LINE_BYTES], int used)
{
	memset(line + used, ' ', (size_t)(RULE_LINE_BYTES - 2 - used));
	line[RULE_LINE_BYTES - 2] = '}';
	line[RULE_LINE_BYTES - 1] = '\n';
}

void rule_line_print(char line[RULE_LINE_BYTES], const struct nic_rule *rule)
{
	char local[INET6_ADDRSTRLEN], remote[INET6_ADDRSTRLEN] = "";
	int n = 1;

	line[0] = '{';
	if (rule) {
		inet_ntop(rule->family, rule->local, local, sizeof(local));
		if (rule->remote_port)
			inet_ntop(rule->family, rule->remote, remote, sizeof(remote));
		n = snprintf(line, RULE_LINE_BYTES,
			     "{\"local\":\"%s\",\"port\":%u,\"remote\":\"%s\",\"remote_port\":%u,"
			     "\"queue\":%u",
			     local, rule->local_port, remote, rule->remote_port, rule->queue);
	}
	line_end(line, n);
}

/* Reads an address of the family, or of any with family 0. Returns its family. */
static int address(struct fields *f, const char *key, int family, uint8_t ret[16])
{
	char text[INET6_ADDRSTRLEN] = "";
	int is;

	field_text(f, key, text, 1, sizeof(text));
	is = strchr(text, ':') ? AF_INET6 : AF_INET;
	if ((family && is != family) || inet_pton(is, text, ret) != 1)
		fields_wrong(f, "%s is no address", key);
	return is;
}

static bool is_of_none(const char line[RULE_LINE_BYTES])
{
	char none[RULE_LINE_BYTES];

	rule_line_print(none, NULL);
	return memcmp(line, none, sizeof(none)) == 0;
}

int rule_line_parse(struct nic_rule *ret, const char line[RULE_LINE_BYTES],
		    char why[FIELDS_WHY_BYTES])
{
	struct nic_rule rule = {0};
	struct fields f;
	char none[1];
	int r;

	if (is_of_none(line))
		return -ENOENT;
	fields_init(&f, line, RULE_LINE_BYTES, why);
	rule.family = address(&f, "local", 0, rule.local);
	rule.local_port = (uint16_t)field_number(&f, "port", 1, UINT16_MAX);
	rule.remote_port = (uint16_t)field_number(&f, "remote_port", 0, UINT16_MAX);
	if (rule.remote_port)
		address(&f, "remote", rule.family, rule.remote);
	else
		field_text(&f, "remote", none, 0, sizeof(none));
	rule.queue = field_number(&f, "queue", 0, NIC_QUEUES_MAX - 1);
	r = fields_done(&f);
	if (r == 0)
		*ret = rule;
	return r;
}
