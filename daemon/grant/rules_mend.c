/* SPDX-License-Identifier: MIT */
/*
 * What becomes of rules that are set: somebody removes or overrules one, its address moves away, or
 * its socket goes.
 */
#include <stdlib.h>
#include <unistd.h>

#include "base/clock.h"
#include "daemon/common/log.h"
#include "daemon/grant/guarded.h"
#include "daemon/grant/log_client.h"
#include "daemon/grant/rule.h"
#include "daemon/grant/rules.h"
#include "nic/ntuple.h"

/* The socket of a younger rule may not be connected yet (HOST_OPEN, daemon/link/link.h). */
#define CONNECTED_NS 2000000000ull

static const char moved_away[] =
	"The local address has moved away since; the rule is set again when it is back.";
static const char abandoned[] = "The socket has gone, or has other addresses or another owner now.";
static const char overruled[] =
	"An ntuple rule that is not zcrxd's goes before zcrxd's and takes the same packets.";
static const char removed[] =
	"Somebody removed zcrxd's ntuple rule, and it could not be set again.";

const char *rule_why(const struct lease_rule *rule)
{
	return __atomic_load_n(&rule->why, __ATOMIC_ACQUIRE);
}

/* With a cookie, the rule's socket is looked for: one that has not gone and is connected by now. */
static struct nic_own_rule copy(const struct lease_rule *rule, uint64_t now_ns)
{
	struct nic_own_rule own = {.rule = rule->match,
				   .location = rule->location,
				   .judged = rule->place};
	if (rule->abandoned || now_ns - rule->since_ns < CONNECTED_NS)
		own.rule.socket.cookie = 0;
	return own;
}

struct nic_own_rule *rules_copy(const struct rules *rules)
{
	struct nic_own_rule *own = calloc(rules->n + 1, sizeof(*own)), *at = own;
	const struct lease_rule *rule;
	uint64_t now_ns = clock_ns();
	if (!own)
		return NULL;
	LIST_FOREACH (rule, &rules->list, link)
		*at++ = copy(rule, now_ns);
	return own;
}

/* What rules_mend() did, to many rules perhaps. Each kind of it is logged as one line. */
struct done {
	uint32_t again, not_again, moved, abandoned, overruled;
	uint32_t by; /* location of the rule that overrules the first one */
};

/* The rule is not on the NIC any more. */
static const char *set_again(const struct rules *rules, struct lease_rule *rule, struct done *done)
{
	bool was_set = rule->location != NIC_NOWHERE;
	rule->location = NIC_NOWHERE;
	int r = nic_rule_add(rules->nic, &rule->match, &rule->location);
	if (was_set)
		++*(r < 0 ? &done->not_again : &done->again);
	return r < 0 ? removed : NULL;
}

static const char *mend(const struct rules *rules, struct lease_rule *rule,
			const struct nic_own_rule *verdict, struct done *done)
{
	if (rule->abandoned || verdict->abandoned) {
		bool was_set = rule->location != NIC_NOWHERE;
		rule->abandoned = true;
		done->abandoned += rule_unset(rules, rule) && was_set;
		return abandoned;
	}
	if (verdict->moved) {
		bool was_set = rule->location != NIC_NOWHERE;
		done->moved += rule_unset(rules, rule) && was_set;
		return moved_away;
	}
	if (verdict->state != NIC_OWN_STANDS)
		return set_again(rules, rule, done);
	if (!verdict->overruled)
		return NULL;
	if (rule_why(rule) != overruled && done->overruled++ == 0)
		done->by = verdict->overruled->location;
	return overruled;
}

static void say(const char *nic, const struct done *done)
{
	if (done->again)
		log_warn("%s: somebody removed or replaced %u ntuple rules of zcrxd's; they are "
			 "set again",
			 nic, done->again);
	if (done->not_again)
		log_warn("%s: somebody removed or replaced %u ntuple rules of zcrxd's, and they "
			 "cannot be set again; what they steered is copied",
			 nic, done->not_again);
	if (done->moved)
		log_client(4, geteuid(), "", LOG_RULES,
			   "%s: the local addresses of %u ntuple rules of zcrxd's moved away; the "
			   "rules are taken away, what they steered is copied",
			   nic, done->moved);
	if (done->abandoned)
		log_client(6, geteuid(), "", LOG_RULES,
			   "%s: the sockets of %u ntuple rules of zcrxd's have gone; the rules are "
			   "taken away",
			   nic, done->abandoned);
	if (done->overruled)
		log_warn("%s: ntuple rule %u, which is not zcrxd's, goes before %u of zcrxd's and "
			 "takes their packets; they are copied",
			 nic, done->by, done->overruled);
}

void rules_mend(struct rules *rules, const struct nic_own_rule *verdicts)
{
	struct done done = {0};
	struct lease_rule *rule;
	LIST_FOREACH (rule, &rules->list, link) {
		if (!rule->lease) {
			verdicts++;
			continue;
		}
		const char *why = mend(rules, rule, verdicts++, &done);
		if (why == rule_why(rule) && !rule->untold)
			continue;
		rule->untold = false;
		__atomic_store_n(&rule->why, why, __ATOMIC_RELEASE);
		guarded_tell(rule->lease);
	}
	rules_delete_again(rules);
	say(rules->nic, &done);
}
