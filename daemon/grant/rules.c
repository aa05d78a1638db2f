/* SPDX-License-Identifier: MIT */
#include "daemon/grant/rules.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "daemon/common/log.h"
#include "daemon/grant/guarded.h"
#include "daemon/grant/log_client.h"
#include "nic/before.h"
#include "nic/ntuple.h"

struct lease_rule {
	LIST_ENTRY(lease_rule) link;
	struct nic_rule match;
	struct nic_place place;
	uint32_t location;     /* on the NIC; NIC_NOWHERE: the rule is not set */
	struct guarded *lease; /* NULL: the rule is to be deleted, which failed so far */
	const char *why;       /* atomic; what rule_why() returns */
	struct rule_note note;
	uint64_t since_ns;
	bool abandoned; /* its socket has gone: it is not set any more */
	bool is_noted;
	bool untold; /* rules_mend() has to tell of it even if nothing changed */
};

/* Before, the socket may not be connected yet (HOST_OPEN, daemon/link/link.h). */
#define CONNECTED_NS 2000000000ull

static const char moved_away[] =
	"The local address has moved away since; the rule is set again when it is back.";
static const char abandoned[] = "The socket has gone, or has other addresses or another owner now.";
static const char overruled[] =
	"An ntuple rule that is not zcrxd's goes before zcrxd's and takes the same packets.";
static const char removed[] =
	"Somebody removed zcrxd's ntuple rule, and it could not be set again.";

void rules_init(struct rules *rules, const char *nic)
{
	*rules = (struct rules){.nic = nic};
	rule_notes_init(&rules->notes);
	LIST_INIT(&rules->list);
}

static void forget(struct rules *rules, struct lease_rule *rule)
{
	LIST_REMOVE(rule, link);
	rules->n--;
	free(rule);
}

int rules_begin(struct rules *rules, const char *dir)
{
	struct lease_rule *rule, *next;
	int r = rule_notes_open(&rules->notes, dir, rules->nic);
	for (rule = LIST_FIRST(&rules->list); rule && r == 0; rule = next) {
		next = LIST_NEXT(rule, link);
		if (!rule->lease)
			forget(rules, rule);
	}
	return r;
}

/*
 * Deletes the rule on the NIC. Returns false if that failed, for instance since the NIC is being
 * reset: the rule may still be there, and keeps its location.
 */
static bool unset(const struct rules *rules, struct lease_rule *rule)
{
	int r = rule->location == NIC_NOWHERE
			? 0
			: nic_rule_del(rules->nic, rule->location, &rule->match);
	if (r == -EEXIST)
		log_client(4, geteuid(), "", LOG_RULES,
			   "%s: ntuple rule %u was zcrxd's and is somebody else's now; it is left "
			   "alone",
			   rules->nic, rule->location);
	else if (r < 0 && r != -ENOENT)
		log_client(4, geteuid(), "", LOG_RULES,
			   "%s: ntuple rule %u cannot be deleted: %s; zcrxd tries again",
			   rules->nic, rule->location, strerrordesc_np(-r));
	if (r < 0 && r != -EEXIST && r != -ENOENT)
		return false;
	rule->location = NIC_NOWHERE;
	return true;
}

/* A rule that may still be on the NIC stays in the list, or it would count as somebody else's. */
void rules_del(struct rules *rules, struct lease_rule *rule)
{
	rule->lease = NULL;
	if (!unset(rules, rule))
		return;
	if (rule->is_noted)
		rule_notes_strike(&rules->notes, rule->note);
	forget(rules, rule);
}

static void delete_again(struct rules *rules)
{
	struct lease_rule *rule, *next;
	for (rule = LIST_FIRST(&rules->list); rule; rule = next) {
		next = LIST_NEXT(rule, link);
		if (!rule->lease)
			rules_del(rules, rule);
	}
}

static bool has(const struct rules *rules, const struct nic_rule *match)
{
	const struct lease_rule *rule;
	LIST_FOREACH (rule, &rules->list, link)
		if (nic_rule_same(&rule->match, match) &&
		    !(rule->abandoned && rule->location == NIC_NOWHERE))
			return true;
	return false;
}

/* The note is written first: who finds it after a crash deletes the rule, if it was set. */
static int noted_add(struct rules *rules, struct lease_rule *rule)
{
	int r = rule_notes_add(&rules->notes, &rule->match, &rule->note);
	if (r < 0)
		return r;
	rule->is_noted = true;
	r = nic_rule_add(rules->nic, &rule->match, &rule->location);
	if (r < 0)
		rule_notes_strike(&rules->notes, rule->note);
	return r;
}

static int insert(struct rules *rules, const struct lease_rule *like, struct lease_rule **ret)
{
	struct lease_rule *rule = malloc(sizeof(*rule));
	if (!rule)
		return -ENOMEM;
	*rule = *like;
	LIST_INSERT_HEAD(&rules->list, rule, link);
	rules->n++;
	if (ret)
		*ret = rule;
	return 0;
}

int rules_again(struct rules *rules, const struct nic_rule *match, const struct nic_place *place,
		bool told, struct guarded *lease, struct lease_rule **ret)
{
	const struct lease_rule rule = {.match = *match,
					.place = *place,
					.location = NIC_NOWHERE,
					.lease = lease,
					.since_ns = clock_ns(),
					.untold = told};
	return has(rules, match) ? -EALREADY : insert(rules, &rule, ret);
}

static uint32_t location_of(const struct nic_rule_at *at, uint32_t n, const struct nic_rule *match)
{
	for (uint32_t i = 0; i < n; i++)
		if (nic_rule_is(&at[i], match))
			return at[i].location;
	return NIC_NOWHERE;
}

/* The note of this rule is here. Returns false if there is no such rule, or it has one. */
static bool note_take(void *data, const struct nic_rule *match, struct rule_note note)
{
	struct rules *rules = data;
	struct lease_rule *rule;
	LIST_FOREACH (rule, &rules->list, link) {
		if (rule->is_noted || !nic_rule_same(&rule->match, match) ||
		    rule->match.queue != match->queue)
			continue;
		rule->note = note;
		return rule->is_noted = true;
	}
	return false;
}

/* What the journal has and no lease: it is to be deleted. */
static int leftovers_insert(struct rules *rules, const struct nic_before *before)
{
	int r = 0;
	for (uint32_t i = 0; i < before->n_rules && r == 0; i++)
		if (!has(rules, &before->rules[i]))
			r = insert(rules,
				   &(struct lease_rule){.match = before->rules[i],
							.location = NIC_NOWHERE},
				   NULL);
	return r;
}

int rules_resume(struct rules *rules, const char *dir, const struct nic_before *before)
{
	struct nic_rule_at *at = NULL;
	struct lease_rule *rule;
	uint32_t n = 0;
	int r = nic_rules_get(rules->nic, &at, &n);
	if (r == 0)
		r = leftovers_insert(rules, before);
	LIST_FOREACH (rule, &rules->list, link)
		rule->location = location_of(at, n, &rule->match);
	free(at);
	if (r == 0)
		r = rule_notes_resume(&rules->notes, dir, rules->nic, note_take, rules);
	LIST_FOREACH (rule, &rules->list, link)
		if (r == 0 && !rule->is_noted) {
			r = rule_notes_add(&rules->notes, &rule->match, &rule->note);
			rule->is_noted = r == 0;
		}
	delete_again(rules);
	return r;
}

void rule_where(const struct lease_rule *rule, struct nic_rule *ret_match,
		struct nic_place *ret_place)
{
	*ret_match = rule->match;
	*ret_place = rule->place;
}

int rules_add(struct rules *rules, const struct nic_rule *match, const struct nic_place *place,
	      struct guarded *lease, struct lease_rule **ret)
{
	if (has(rules, match))
		delete_again(rules);
	if (has(rules, match))
		return -EALREADY;
	struct lease_rule *rule = calloc(1, sizeof(*rule));
	if (!rule)
		return -ENOMEM;
	*rule = (struct lease_rule){.match = *match,
				    .place = *place,
				    .lease = lease,
				    .since_ns = clock_ns()};
	int r = noted_add(rules, rule);
	if (r < 0) {
		free(rule);
		return r;
	}
	LIST_INSERT_HEAD(&rules->list, rule, link);
	rules->n++;
	*ret = rule;
	return 0;
}

bool rules_left(struct rules *rules, uint32_t queue)
{
	const struct lease_rule *rule;
	delete_again(rules);
	LIST_FOREACH (rule, &rules->list, link)
		if (!rule->lease && rule->match.queue == queue)
			return true;
	return false;
}

const char *rule_why(const struct lease_rule *rule)
{
	return __atomic_load_n(&rule->why, __ATOMIC_ACQUIRE);
}

/* What is looked for: a socket that has not gone, and that is connected by now. */
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
		done->abandoned += unset(rules, rule) && was_set;
		return abandoned;
	}
	if (verdict->moved) {
		bool was_set = rule->location != NIC_NOWHERE;
		done->moved += unset(rules, rule) && was_set;
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
	delete_again(rules);
	say(rules->nic, &done);
}
