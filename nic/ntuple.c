/* SPDX-License-Identifier: MIT */
#include "nic/ntuple.h"

#include <errno.h>
#include <linux/ethtool.h>
#include <stdlib.h>
#include <string.h>

#include "nic/ethtool.h"
#include "nic/rule_spec.h"

/* More than any driver has. A larger count was misread. */
#define RULES_MAX 65536u
#define ADD_TRIES 4
/*
 * Other programs, such as ethtool(8), take the last free location. Leaving some free behind ours
 * avoids using the same one.
 */
#define LEFT_FREE 8u

/*
 * Gets the locations of all rules, which the caller frees. (*ret)->data is the size of the table.
 */
static int locations_get(const char *nic, struct ethtool_rxnfc **ret, uint64_t *ret_flags)
{
	struct ethtool_rxnfc count = {.cmd = ETHTOOL_GRXCLSRLCNT}, *all;
	int r = ethtool_call(nic, &count);

	if (r < 0)
		return r;
	if (count.rule_cnt > RULES_MAX)
		return -EOPNOTSUPP;
	all = calloc(1, sizeof(*all) + count.rule_cnt * sizeof(all->rule_locs[0]));
	if (!all)
		return -ENOMEM;
	all->cmd = ETHTOOL_GRXCLSRLALL;
	all->rule_cnt = count.rule_cnt;
	r = ethtool_call(nic, all);
	if (r == 0 && all->rule_cnt > count.rule_cnt)
		r = -EAGAIN;
	if (r < 0) {
		free(all);
		return r;
	}
	*ret = all;
	*ret_flags = count.data;
	return 0;
}

/* Gets the locations, again if somebody added a rule between the count and the list. */
static int locations_get_patiently(const char *nic, struct ethtool_rxnfc **ret, uint64_t *ret_flags)
{
	int r = -EAGAIN;

	for (int i = 0; i < ADD_TRIES && (r == -EAGAIN || r == -EMSGSIZE); i++)
		r = locations_get(nic, ret, ret_flags);
	return r;
}

/* Returns 0, -ENOENT if no rule stands at the location, or another negative errno. */
static int rule_read(const char *nic, uint32_t location, struct nic_rule_at *ret)
{
	struct ethtool_rxnfc nfc = {.cmd = ETHTOOL_GRXCLSRULE, .fs = {.location = location}};
	int r = ethtool_call(nic, &nfc);

	/* Some drivers say EINVAL where others say ENOENT. */
	if (r == -EINVAL)
		return -ENOENT;
	if (r == 0)
		rule_spec_read(&nfc, ret);
	return r;
}

static int by_location(const void *a, const void *b)
{
	const struct nic_rule_at *x = a, *y = b;

	return x->location < y->location ? -1 : x->location > y->location;
}

int nic_rules_get(const char *nic, struct nic_rule_at **ret, uint32_t *ret_n)
{
	struct ethtool_rxnfc *all = NULL;
	struct nic_rule_at *rules;
	uint64_t flags;
	uint32_t n = 0;
	int r = locations_get_patiently(nic, &all, &flags);

	if (r < 0)
		return r;
	rules = calloc(all->rule_cnt + 1, sizeof(*rules));
	if (!rules)
		r = -ENOMEM;
	for (uint32_t i = 0; i < all->rule_cnt && r == 0; i++) {
		r = rule_read(nic, all->rule_locs[i], &rules[n]);
		n += r == 0;
		if (r == -ENOENT)
			r = 0; /* the rule is gone meanwhile */
	}
	free(all);
	if (r < 0) {
		free(rules);
		return r;
	}
	qsort(rules, n, sizeof(*rules), by_location);
	*ret = rules;
	*ret_n = n;
	return 0;
}

/*
 * Finds a free location: before the last LEFT_FREE free ones, or if there are no others one of
 * these.
 */
static int location_free(const struct ethtool_rxnfc *all, uint32_t *ret)
{
	uint32_t size = all->data < RULES_MAX ? (uint32_t)all->data : RULES_MAX, found = 0;
	bool *taken = calloc(size + 1, sizeof(*taken));

	if (!taken)
		return -ENOMEM;
	for (uint32_t i = 0; i < all->rule_cnt; i++)
		if (all->rule_locs[i] < size)
			taken[all->rule_locs[i]] = true;
	for (uint32_t at = size; at > 0 && found <= LEFT_FREE; at--) {
		if (taken[at - 1])
			continue;
		found++;
		*ret = at - 1;
	}
	free(taken);
	return found ? 0 : -ENOSPC;
}

/* Chooses the location of a new rule: the driver's choice, or else a free one. */
static int location_choose(const char *nic, uint32_t *ret)
{
	struct ethtool_rxnfc *all = NULL;
	struct nic_rule_at there;
	uint64_t flags = 0;
	int r = locations_get_patiently(nic, &all, &flags);

	if (r < 0)
		return r;
	*ret = RX_CLS_LOC_ANY;
	if (!(flags & RX_CLS_LOC_SPECIAL)) {
		r = location_free(all, ret);
		/*
		 * The location is read again, since most drivers replace a rule that stands there.
		 */
		if (r == 0 && rule_read(nic, *ret, &there) == 0)
			r = -EAGAIN;
	}
	free(all);
	return r;
}

static int delete_at(const char *nic, uint32_t location)
{
	struct ethtool_rxnfc nfc = {.cmd = ETHTOOL_SRXCLSRLDEL, .fs = {.location = location}};

	return ethtool_call(nic, &nfc);
}

/*
 * Reads the rule that was just added. Somebody may have deleted or replaced it, or the driver shows
 * it as something else. Only a rule that matches the same packets is certainly ours. If the driver
 * shows another queue for it, it could not be recognized later: then it is deleted.
 */
static int added_check(const char *nic, uint32_t location, const struct nic_rule *rule)
{
	struct nic_rule_at at;
	struct nic_rule there;
	int r = rule_read(nic, location, &at);

	if (r == -ENOENT)
		return -EAGAIN;
	if (r < 0 && r != -EOPNOTSUPP)
		return 0; /* it was just set; the guard looks at it again later */
	if (r == 0 && nic_rule_is(&at, rule))
		return 0;
	if (r == 0 && (!nic_rule_is_plain(&at, &there) || !nic_rule_same(&there, rule)))
		return -EBUSY;
	delete_at(nic, location);
	return -EOPNOTSUPP;
}

static int add(const char *nic, const struct nic_rule *rule, uint32_t *ret_location)
{
	struct ethtool_rxnfc nfc = {.cmd = ETHTOOL_SRXCLSRLINS};
	int r = location_choose(nic, &nfc.fs.location);

	if (r < 0)
		return r;
	rule_spec_write(&nfc.fs, rule);
	r = ethtool_call(nic, &nfc);
	if (r == 0)
		r = added_check(nic, nfc.fs.location, rule);
	if (r == 0)
		*ret_location = nfc.fs.location;
	return r;
}

int nic_rule_add(const char *nic, const struct nic_rule *rule, uint32_t *ret_location)
{
	int r = nic_rule_can_be(rule) ? -EAGAIN : -EINVAL;

	for (int i = 0; i < ADD_TRIES && r == -EAGAIN; i++)
		r = add(nic, rule, ret_location);
	return r == -EAGAIN ? -EBUSY : r;
}

int nic_rule_del(const char *nic, uint32_t location, const struct nic_rule *rule)
{
	struct nic_rule_at there;
	int r = rule_read(nic, location, &there);

	if (r < 0)
		return r;
	return nic_rule_is(&there, rule) ? delete_at(nic, location) : -EEXIST;
}

static bool is_any_of(const struct nic_rule_at *at, const struct nic_rule *rules, uint32_t n)
{
	for (uint32_t i = 0; i < n; i++)
		if (nic_rule_is(at, &rules[i]))
			return true;
	return false;
}

int nic_rules_del(const char *nic, const struct nic_rule *rules, uint32_t n)
{
	struct nic_rule_at *there = NULL;
	uint32_t n_there = 0;
	int r = n ? nic_rules_get(nic, &there, &n_there) : 0;

	for (uint32_t i = 0; i < n_there && r == 0; i++)
		if (is_any_of(&there[i], rules, n))
			r = delete_at(nic, there[i].location);
	free(there);
	return r;
}
