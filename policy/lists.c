/* SPDX-License-Identifier: MIT */
#include "policy/lists.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "nic/queues.h"
#include "policy/names.h"

#define PORT_MAX 65535u
#define ID_MAX   (UINT32_MAX - 1) /* UINT32_MAX means nobody */

/* Calls add for each item of the text until add fails. */
static int each(void *list, const char *text, const char *separators,
		int (*add)(void *list, const char *item))
{
	char *copy = strdup(text), *rest = copy, *item;
	int r = copy ? 0 : -ENOMEM;
	while (r == 0 && (item = strsep(&rest, separators)))
		if (*item)
			r = add(list, item);
	free(copy);
	return r;
}

static int span_parse(const char *text, uint32_t most, struct policy_span *ret)
{
	char *end;
	if (*text < '0' || *text > '9')
		return -EINVAL;
	errno = 0;
	unsigned long first = strtoul(text, &end, 10), last = first;
	if (*end == '-' && end[1] >= '0' && end[1] <= '9')
		last = strtoul(end + 1, &end, 10);
	if (*end || errno || last < first || last > most)
		return -EINVAL;
	*ret = (struct policy_span){(uint32_t)first, (uint32_t)last};
	return 0;
}

static int span_add(struct policy_ids *ids, struct policy_span span)
{
	struct policy_span *spans = reallocarray(ids->spans, ids->n + 1, sizeof(*spans));
	if (!spans)
		return -ENOMEM;
	spans[ids->n++] = span;
	ids->spans = spans;
	return 0;
}

/* Adds an item to the ids: a number, a span of numbers, or a name, whose number find returns. */
static int id_add(struct policy_ids *ids, const char *item,
		  int (*find)(const char *name, uint32_t *ret))
{
	struct policy_span span = {0};
	int r = span_parse(item, ID_MAX, &span);
	if (r < 0) {
		r = find(item, &span.first);
		span.last = span.first;
	}
	return r < 0 ? r : span_add(ids, span);
}

static int user_add(void *ids, const char *item)
{
	return id_add(ids, item, name_user);
}

static int group_add(void *ids, const char *item)
{
	return id_add(ids, item, name_group);
}

static void ids_clear(struct policy_ids *ids)
{
	free(ids->spans);
	*ids = (struct policy_ids){0};
}

int list_users(struct policy_ids *ids, const char *text)
{
	if (!*text)
		ids_clear(ids);
	return each(ids, text, " \t", user_add);
}

int list_groups(struct policy_ids *ids, const char *text)
{
	if (!*text)
		ids_clear(ids);
	return each(ids, text, " \t", group_add);
}

/* Splits the ports off an address such as "*:80", "10.0.0.1:80" or "[fd00::1]:80". */
static int ports_split(char *item, char **ret_ip, struct range *range)
{
	struct policy_span ports = {0, PORT_MAX};
	char *colon = strrchr(item, ':');
	*ret_ip = item;
	if (*item == '[') {
		char *end = strchr(item, ']');
		if (!end || (end[1] && end[1] != ':'))
			return -EINVAL;
		colon = end[1] ? end + 1 : NULL;
		*end = '\0';
		*ret_ip = item + 1;
	} else if (colon && colon != strchr(item, ':')) {
		colon = NULL; /* an IPv6 address without ports */
	}
	int r = colon ? span_parse(colon + 1, PORT_MAX, &ports) : 0;
	if (colon && *item != '[')
		*colon = '\0';
	range->port_first = (uint16_t)ports.first;
	range->port_last = (uint16_t)ports.last;
	return r;
}

static int ip_parse(char *text, struct range *range)
{
	struct policy_span bits;
	if (strcmp(text, "*") == 0)
		return 0;
	char *slash = strchr(text, '/');
	if (slash)
		*slash = '\0';
	range->family = strchr(text, ':') ? 6 : 4;
	uint32_t most = range->family == 6 ? 128 : 32;
	if (inet_pton(range->family == 6 ? AF_INET6 : AF_INET, text, range->ip) != 1)
		return -EINVAL;
	bits.first = bits.last = most;
	if (slash && (span_parse(slash + 1, most, &bits) < 0 || bits.first != bits.last))
		return -EINVAL;
	range->bits = (uint8_t)bits.first;
	/*
	 * The bits behind the prefix are cleared, so that a range is always written the same way.
	 */
	for (uint32_t bit = range->bits; bit < 128; bit++)
		range->ip[bit / 8] &= (uint8_t) ~(0x80 >> bit % 8);
	return 0;
}

static int address_add(void *data, const char *item)
{
	struct range_list *list = data;
	struct range range = {0}, *ranges;
	char *copy = strdup(item), *ip;
	int r = copy ? ports_split(copy, &ip, &range) : -ENOMEM;
	if (r == 0)
		r = ip_parse(ip, &range);
	free(copy);
	if (r < 0)
		return r;
	ranges = reallocarray(list->ranges, list->n + 1, sizeof(*ranges));
	if (!ranges)
		return -ENOMEM;
	ranges[list->n++] = range;
	list->ranges = ranges;
	return 0;
}

int list_addresses(struct range_list *list, const char *text)
{
	if (!*text || !list->given) {
		free(list->ranges);
		*list = (struct range_list){.given = true};
	}
	return each(list, text, " \t", address_add);
}

static int queue_add(void *ids, const char *item)
{
	struct policy_span span;
	int r = span_parse(item, NIC_QUEUES_MAX - 1, &span);
	return r < 0 ? r : span_add(ids, span);
}

/*
 * Finds or makes the item of an interface. An interface has one item for some of its queues, whose
 * lines are joined, and another for all of its queues.
 */
static struct policy_nic *nic_get(struct policy_nics *list, const struct policy_nic *key, bool some)
{
	for (uint32_t i = 0; i < list->n; i++)
		if (strcmp(list->nics[i].name, key->name) == 0 &&
		    (list->nics[i].queues.n > 0) == some)
			return &list->nics[i];
	struct policy_nic *nics = reallocarray(list->nics, list->n + 1, sizeof(*nics));
	if (!nics)
		return NULL;
	list->nics = nics;
	nics[list->n] = *key;
	return &nics[list->n++];
}

static int nic_add(void *data, const char *item)
{
	struct policy_nic key = {0}, *nic;
	const char *colon = strrchr(item, ':');
	size_t n = colon ? (size_t)(colon - item) : strlen(item);
	if (n == 0 || n >= sizeof(key.name))
		return -EINVAL;
	memcpy(key.name, item, n);
	nic = nic_get(data, &key, colon);
	if (!nic)
		return -ENOMEM;
	int r = colon ? each(&nic->queues, colon + 1, ",", queue_add) : 0;
	return r == 0 && colon && nic->queues.n == 0 ? -EINVAL : r;
}

int list_nics(struct policy_nics *list, const char *text)
{
	if (!*text) {
		for (uint32_t i = 0; i < list->n; i++)
			free(list->nics[i].queues.spans);
		free(list->nics);
		*list = (struct policy_nics){0};
	}
	return each(list, text, " \t", nic_add);
}

void list_ids_print(const struct policy_ids *ids, const char *separator, FILE *out)
{
	for (uint32_t i = 0; i < ids->n; i++) {
		const struct policy_span *s = &ids->spans[i];
		fprintf(out, "%s%u", i ? separator : "", s->first);
		if (s->last > s->first)
			fprintf(out, "-%u", s->last);
	}
}

static void range_print(const struct range *r, FILE *out)
{
	char ip[INET6_ADDRSTRLEN] = "*";
	bool all_ports = r->port_first == 0 && r->port_last == PORT_MAX;
	uint32_t most = r->family == 6 ? 128 : 32;
	if (r->family)
		inet_ntop(r->family == 6 ? AF_INET6 : AF_INET, r->ip, ip, sizeof(ip));
	bool brackets = r->family == 6 && !all_ports;
	fprintf(out, "%s%s", brackets ? "[" : "", ip);
	if (r->family && r->bits < most)
		fprintf(out, "/%u", r->bits);
	fputs(brackets ? "]" : "", out);
	if (!all_ports)
		fprintf(out, ":%u", r->port_first);
	if (r->port_last > r->port_first && !all_ports)
		fprintf(out, "-%u", r->port_last);
}

void list_addresses_print(const struct range_list *list, FILE *out)
{
	for (uint32_t i = 0; i < list->n; i++) {
		fputs(i ? " " : "", out);
		range_print(&list->ranges[i], out);
	}
}

void list_nics_print(const struct policy_nics *list, FILE *out)
{
	for (uint32_t i = 0; i < list->n; i++) {
		fprintf(out, "%s%s%s", i ? " " : "", list->nics[i].name,
			list->nics[i].queues.n ? ":" : "");
		list_ids_print(&list->nics[i].queues, ",", out);
	}
}
