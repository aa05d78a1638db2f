/* SPDX-License-Identifier: MIT */
#include "restore.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "change.h"
#include "nic.h"

/* The kernel lets a queue go some time after its ring is closed. */
#define UNBOUND_TRIES    100
#define UNBOUND_PAUSE_NS 50000000

static bool bound(uint32_t ifindex, const struct nic_queues *queues)
{
	struct nic_facts facts = {.link.ifindex = ifindex};
	bool found = false;

	netdev_genl_queues(&facts);
	for (uint32_t i = 0; i < facts.n_queues; i++)
		if (nic_queues_have(queues, i))
			found |= facts.queues[i].io_uring || facts.queues[i].dmabuf;
	nic_done(&facts);
	return found;
}

static bool unbound_wait(uint32_t ifindex, const struct nic_queues *queues)
{
	const struct timespec pause = {.tv_nsec = UNBOUND_PAUSE_NS};
	int tries = 0;

	while (bound(ifindex, queues))
		if (tries++ == UNBOUND_TRIES || nanosleep(&pause, NULL) < 0)
			return false;
	return true;
}

void nic_rules_sweep(const struct nic_before *b)
{
	struct nic_rule_at *rules;
	uint32_t n;

	if (nic_rules_get(b->name, &rules, &n) < 0)
		return;
	for (uint32_t i = 0; i < n; i++)
		if (nic_queues_have(&b->queues, rules[i].queue))
			nic_rule_del(b->name, rules[i].location);
	free(rules);
}

static int complain(const struct nic_before *b, nic_say say, const char *what, int r,
		    const char *why)
{
	if (r < 0)
		nic_tell(say, true, "%s: %s could not be put back: %s%s%s", b->name, what,
			 strerrordesc_np(-r), *why ? ": " : "", why);
	return r;
}

static int settings_put_back(const struct nic_before *b, uint32_t ifindex, nic_say say)
{
	char why[NIC_WHY_BYTES] = "";
	int e[3];

	nic_rules_sweep(b);
	e[0] = complain(b, say, "the RSS table", nic_rss_set(b->name, b->rss, b->rss_entries), "");
	e[1] = complain(b, say, "ntuple", nic_ntuple_set(b->name, b->ntuple), "");
	e[2] = nic_split_set(ifindex, (enum nic_split)b->split, b->threshold, why);
	complain(b, say, "header split", e[2], why);
	return e[0] ? e[0] : e[1] ? e[1] : e[2];
}

int nic_put_back(const char *dir, const char *nic, nic_say say)
{
	uint32_t ifindex = if_nametoindex(nic);
	struct nic_before b;
	int r = journal_read(dir, nic, &b);

	if (r == -EBADMSG)
		nic_tell(say, true,
			 "%s: the journal in %s cannot be read; look at the NIC yourself", nic,
			 dir);
	if (r < 0)
		return r;
	if (!ifindex) {
		nic_tell(say, true, "%s is gone; it is put back once it is here again", nic);
		r = -ENODEV;
	} else if (!unbound_wait(ifindex, &b.queues)) {
		nic_tell(say, true, "%s: a queue is still in use; nothing was put back yet", nic);
		r = -EBUSY;
	} else {
		r = settings_put_back(&b, ifindex, say);
	}
	if (r == 0)
		journal_remove(dir, nic);
	nic_before_done(&b);
	return r;
}

struct everything {
	const char *dir;
	nic_say say;
	int failed;
};

static void put_back_one(void *arg, const char *nic)
{
	struct everything *e = arg;
	int r = nic_put_back(e->dir, nic, e->say);

	e->failed += r < 0;
	if (r == 0)
		nic_tell(e->say, false, "%s: is as it was", nic);
}

int nic_put_back_all(const char *dir, nic_say say)
{
	struct everything e = {.dir = dir, .say = say};

	journal_list(dir, put_back_one, &e);
	return e.failed;
}
