/* SPDX-License-Identifier: MIT */
#include "queues.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* More than any driver has. */
#define ID_MOST 16383u

/* Adds the queues of "3" or "2-5". */
static int range_add(struct nic_queues *q, const char *range)
{
	unsigned long first, last;
	char *end;

	if (*range < '0' || *range > '9')
		return -EINVAL;
	first = last = strtoul(range, &end, 10);
	if (*end == '-' && end[1] >= '0' && end[1] <= '9')
		last = strtoul(end + 1, &end, 10);
	if (*end || last < first || last > ID_MOST)
		return -EINVAL;
	for (unsigned long id = first; id <= last; id++) {
		uint32_t *ids = reallocarray(q->ids, q->n + 1, sizeof(*ids));

		if (!ids)
			return -ENOMEM;
		q->ids = ids;
		if (!nic_queues_have(q, (uint32_t)id))
			ids[q->n++] = (uint32_t)id;
	}
	return 0;
}

int nic_queues_parse(struct nic_queues *q, const char *text)
{
	char *copy = strdup(text), *rest = copy, *range;
	int r = -EINVAL;

	if (!copy)
		return -ENOMEM;
	nic_queues_done(q);
	while ((range = strsep(&rest, ", "))) {
		if (!*range)
			continue;
		r = range_add(q, range);
		if (r < 0)
			break;
	}
	free(copy);
	return r;
}

bool nic_queues_have(const struct nic_queues *q, uint32_t id)
{
	for (uint32_t i = 0; i < q->n; i++)
		if (q->ids[i] == id)
			return true;
	return false;
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
