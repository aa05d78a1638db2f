/* SPDX-License-Identifier: MIT */
#include "nic/restore.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "nic/bound.h"
#include "nic/change.h"
#include "nic/ethtool.h"
#include "nic/ntuple.h"

/* How often a queue is looked at: the kernel lets it go some time after its ring is closed. */
#define UNBOUND_TRIES    100
#define UNBOUND_TELL     20 /* after a second */
#define UNBOUND_PAUSE_NS 50000000

static bool unbound_wait(uint32_t ifindex, const struct nic_before *b, nic_say say)
{
	const struct timespec pause = {.tv_nsec = UNBOUND_PAUSE_NS};
	int tries = 0;

	while (nic_queues_bound(ifindex, &b->queues) > 0) {
		if (tries == UNBOUND_TELL)
			nic_tell(say, false,
				 "%s: waits for the kernel to let go of a queue, 5 seconds at most",
				 b->name);
		if (tries++ == UNBOUND_TRIES || nanosleep(&pause, NULL) < 0)
			return false;
	}
	return true;
}

static int complain(const struct nic_before *b, nic_say say, const char *what, int r,
		    const char *why)
{
	if (r < 0)
		nic_tell(say, true, "%s: %s could not be put back: %s%s%s", b->name, what,
			 strerrordesc_np(-r), *why ? ": " : "", why);
	return r;
}

/*
 * Puts the feature rx-ntuple-filter back. It stays on while others have rules, since some drivers
 * forget all rules with it.
 */
static int ntuple_put_back(const struct nic_before *b, nic_say say)
{
	struct nic_rule_at *others = NULL;
	uint32_t n = 0;
	int r = b->ntuple ? 0 : nic_rules_get(b->name, &others, &n);

	if (r < 0 && r != -EOPNOTSUPP)
		return r; /* it is not known whether others have rules */
	if (n > 0)
		nic_tell(say, false, "%s: ntuple stays on, there are %u rules that are not zcrxd's",
			 b->name, n);
	free(others);
	return n > 0 ? 0 : nic_ntuple_set(b->name, b->ntuple);
}

static int settings_put_back(const struct nic_before *b, uint32_t ifindex, nic_say say)
{
	char why[NIC_WHY_BYTES] = "";
	int e[4];

	e[3] = complain(b, say, "ntuple rules", nic_rules_del(b->name, b->rules, b->n_rules), "");
	e[0] = complain(b, say, "the RSS table", nic_rss_set(b->name, b->rss, b->rss_entries), "");
	e[1] = complain(b, say, "ntuple", ntuple_put_back(b, say), "");
	e[2] = nic_split_set(ifindex, (enum nic_split)b->split, b->threshold, why);
	complain(b, say, "header split", e[2], why);
	return e[0] ? e[0] : e[1] ? e[1] : e[2] ? e[2] : e[3];
}

/* Sets the journal aside and says why. Returns r, or the errno of renaming it. */
static int set_aside(const char *dir, const char *nic, nic_say say, const char *why, int r)
{
	char path[JOURNAL_PATH_BYTES];
	int error = journal_set_aside(dir, nic, path);

	if (error < 0)
		nic_tell(say, true,
			 "%s: nothing was put back: %s. The journal in %s cannot be renamed: %s",
			 nic, why, dir, strerrordesc_np(-error));
	else
		nic_tell(say, true, "%s: nothing was put back: %s. The journal is kept as %s", nic,
			 why, path);
	return error < 0 ? error : r;
}

static int of_another_card(const struct nic_before *b, const struct nic_card *now, const char *dir,
			   nic_say say)
{
	char then_text[160], now_text[160], why[400];

	nic_card_say(&b->card, then_text, sizeof(then_text));
	nic_card_say(now, now_text, sizeof(now_text));
	snprintf(why, sizeof(why), "it is another card now (%s); the journal is of %s", now_text,
		 then_text);
	return set_aside(dir, b->name, say, why, -ESTALE);
}

/* Is the journal of this boot, and of the card that has the name now? */
static int judge(const struct nic_before *b, const char *dir, nic_say say)
{
	char boot[BOOT_ID_BYTES];
	struct nic_card now;
	int r = journal_boot(boot);

	if (r == 0 && strcmp(boot, b->boot) != 0)
		return set_aside(
			dir, b->name, say,
			"the journal is of an earlier boot, and the reboot has reset the NIC",
			-ENOENT);
	if (r == 0)
		r = nic_card_get(&now, b->name);
	if (r == -ENODEV)
		nic_tell(say, true, "%s is gone; it is put back once it is here again", b->name);
	else if (r < 0)
		nic_tell(say, true, "%s: which card it is cannot be learned: %s", b->name,
			 strerrordesc_np(-r));
	if (r == 0 && !nic_card_same(&b->card, &now))
		r = of_another_card(b, &now, dir, say);
	return r;
}

int nic_before_get(const char *dir, const char *nic, nic_say say, struct nic_before *ret)
{
	char wrong[FIELDS_WHY_BYTES], why[FIELDS_WHY_BYTES + 60];
	struct nic_before b;
	int r = journal_read(dir, nic, &b, wrong);

	if (r == -EBADMSG) {
		snprintf(why, sizeof(why),
			 "the journal makes no sense (%s); look at the NIC yourself", wrong);
		return set_aside(dir, nic, say, why, r);
	}
	if (r < 0) {
		if (r != -ENOENT)
			nic_tell(say, true, "%s: the journal in %s cannot be read: %s", nic, dir,
				 strerrordesc_np(-r));
		return r;
	}
	r = judge(&b, dir, say);
	if (r < 0)
		nic_before_done(&b);
	else
		*ret = b;
	return r;
}

int nic_put_back(const char *dir, const char *nic, nic_say say)
{
	struct nic_before b;
	uint32_t ifindex;
	int r = nic_before_get(dir, nic, say, &b);

	if (r < 0)
		return r;
	r = nic_index(nic, &ifindex);
	if (r < 0) {
		nic_tell(say, true, "%s cannot be looked at: %s; nothing was put back yet", nic,
			 strerrordesc_np(-r));
	} else if (!unbound_wait(ifindex, &b, say)) {
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

	e->failed += r < 0 && r != -ENOENT;
	if (r == 0)
		nic_tell(e->say, false, "%s: is as it was", nic);
}

int nic_put_back_all(const char *dir, nic_say say)
{
	struct everything e = {.dir = dir, .say = say};

	journal_list(dir, put_back_one, &e);
	return e.failed;
}
