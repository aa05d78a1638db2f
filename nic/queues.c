/* SPDX-License-Identifier: MIT */
#include "nic/queues.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* Marks the queues of a range such as "3" or "2-5". */
static int range_add(bool has[NIC_QUEUES_MAX], const char *range)
{
	unsigned long first, last;
	char *end;

	if (*range < '0' || *range > '9')
		return -EINVAL;
	first = last = strtoul(range, &end, 10);
	if (*end == '-' && end[1] >= '0' && end[1] <= '9')
		last = strtoul(end + 1, &end, 10);
	if (*end || last < first || last >= NIC_QUEUES_MAX)
		return -EINVAL;
	memset(has + first, true, last - first + 1);
	return 0;
}

static int take(struct nic_queues *q, const bool has[NIC_QUEUES_MAX])
{
	uint32_t *ids, n = 0;

	for (uint32_t id = 0; id < NIC_QUEUES_MAX; id++)
		n += has[id];
	ids = malloc(n * sizeof(*ids));
	if (!ids)
		return -ENOMEM;
	nic_queues_done(q);
	q->ids = ids;
	for (uint32_t id = 0; id < NIC_QUEUES_MAX; id++)
		if (has[id])
			ids[q->n++] = id;
	return 0;
}

int nic_queues_parse(struct nic_queues *q, const char *text)
{
	char *copy = strdup(text), *rest = copy, *range;
	bool has[NIC_QUEUES_MAX] = {false};
	int r = -EINVAL;

	if (!copy)
		return -ENOMEM;
	while ((range = strsep(&rest, ", "))) {
		if (!*range)
			continue;
		r = range_add(has, range);
		if (r < 0)
			break;
	}
	free(copy);
	return r < 0 ? r : take(q, has);
}

bool nic_queues_have(const struct nic_queues *q, uint32_t id)
{
	for (uint32_t i = 0; i < q->n; i++)
		if (q->ids[i] == id)
			return true;
	return false;
}

void nic_queues_mark(const struct nic_queues *q, bool ret_has[NIC_QUEUES_MAX])
{
	memset(ret_has, false, NIC_QUEUES_MAX);
	for (uint32_t i = 0; i < q->n; i++)
		ret_has[q->ids[i]] = true;
}

int nic_queues_add(struct nic_queues *q, const struct nic_queues *more)
{
	bool has[NIC_QUEUES_MAX];

	nic_queues_mark(q, has);
	for (uint32_t i = 0; i < more->n; i++)
		has[more->ids[i]] = true;
	return take(q, has);
}

void nic_queues_print(const struct nic_queues *q, FILE *out)
{
	for (uint32_t i = 0, last; i < q->n; i = last + 1) {
		for (last = i; last + 1 < q->n && q->ids[last + 1] == q->ids[last] + 1; last++)
			;
		fprintf(out, "%s%u", i ? "," : "", q->ids[i]);
		if (last > i)
			fprintf(out, "-%u", q->ids[last]);
	}
}

void nic_queues_done(struct nic_queues *q)
{
	free(q->ids);
	*q = (struct nic_queues){0};
}
