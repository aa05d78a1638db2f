/* SPDX-License-Identifier: MIT */
/*
 * Judges the receive queues: which can be leased, and who holds the others. Neighbours with the
 * same finding share a line.
 */
#include "nic/exclusive.h"
#include "tools/doctor/judge.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

struct verdict_of_queue {
	enum verdict verdict;
	char text[192];
	char action[160];
};

/*
 * Do others' packets reach the queue by more than the NIC's own RSS table, which the queue is taken
 * out of?
 */
static bool is_reached(const struct nic_steering *s, unsigned id)
{
	struct nic_intruder first;

	return nic_intruders(s, id, &first, 1) > nic_table_has(nic_steering_table(s, 0), id);
}

static struct verdict_of_queue queue_judge(const struct machine_facts *m,
					   const struct nic_facts *nic, unsigned id)
{
	const struct queue_facts *q = &nic->queues[id];
	struct verdict_of_queue v = {.verdict = VERDICT_NO};

	snprintf(v.action, sizeof(v.action),
		 "end that use of the queue, or give zcrxd other queues");
	if (q->io_uring || q->dmabuf) {
		nic_holders_say(&m->holders, q, v.text, sizeof(v.text));
	} else if (q->leased) {
		snprintf(v.text, sizeof(v.text),
			 "leased to queue %" PRIu32 " of ifindex %" PRIu32 "%s", q->lease_queue,
			 q->lease_ifindex,
			 q->lease_elsewhere ? " in another network namespace" : "");
	} else if (q->xsk) {
		snprintf(v.text, sizeof(v.text), "used by an AF_XDP socket");
	} else if (!strcmp(nic->ethtool.driver, "gve") && !id) {
		snprintf(v.text, sizeof(v.text), "gve cannot stop its queue 0");
		snprintf(v.action, sizeof(v.action), "give zcrxd other queues");
	} else if (is_reached(&nic->steering, id)) {
		v.verdict = VERDICT_HINT;
		snprintf(v.text, sizeof(v.text), "others' packets are led here: not leased");
		snprintf(v.action, sizeof(v.action),
			 "see \"other steering\", or give zcrxd other queues");
	} else {
		v.verdict = VERDICT_OK;
		v.action[0] = '\0';
		snprintf(v.text, sizeof(v.text), "free");
	}
	return v;
}

static void say_range(struct report *r, unsigned from, unsigned to,
		      const struct verdict_of_queue *v)
{
	char value[TEXT_SIZE];

	if (from == to)
		snprintf(value, sizeof(value), "%u", from);
	else
		snprintf(value, sizeof(value), "%u-%u", from, to);
	report_add(r, "queues", value, v->verdict, "%s", v->text);
	if (v->action[0])
		report_action(r, "%s", v->action);
}

/* How many receive queues there are. RSS tables and rules may name others. */
static unsigned queues_listed(const struct nic_facts *nic)
{
	unsigned n = nic->n_queues;

	while (n && !nic->queues[n - 1].listed)
		n--;
	return n;
}

void judge_queues(const struct machine_facts *m, const struct nic_facts *nic, struct report *r,
		  struct tally *t)
{
	unsigned n = queues_listed(nic), from = 0;
	struct verdict_of_queue v, next;

	if (nic->queues_err)
		report_add(r, "queues", "unknown", VERDICT_NOTE, "the kernel does not tell: %s",
			   error_text(nic->queues_err));
	for (unsigned id = 0; id < n; id++) {
		v = queue_judge(m, nic, id);
		t->busy += queue_is_busy(&nic->queues[id]);
		t->free += v.verdict == VERDICT_OK;
		t->reached += v.verdict == VERDICT_HINT;
		if (id + 1 < n)
			next = queue_judge(m, nic, id + 1);
		if (id + 1 < n && v.verdict == next.verdict && !strcmp(v.text, next.text))
			continue;
		say_range(r, from, id, &v);
		from = id + 1;
	}
}
