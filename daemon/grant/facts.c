/* SPDX-License-Identifier: MIT */
#include "daemon/grant/facts.h"

#include <errno.h>
#include <stdlib.h>

#include "base/fd.h"
#include "base/size.h"
#include "daemon/grant/rules.h"
#include "nic/others.h"

int facts_begin(struct facts *f, const struct rules *rules)
{
	*f = (struct facts){.own = rules_copy(rules), .n_own = rules->n};
	return f->own ? 0 : -ENOMEM;
}

void facts_done(struct facts *f)
{
	nic_steering_done(&f->steering);
	free(f->own);
	*f = (struct facts){0};
}

void facts_gather(struct facts *f, const char *nic, uint32_t ifindex)
{
	nic_steering_gather(&f->steering, nic, ifindex);
}

void facts_gather_places(struct facts *f, const char *nic)
{
	struct nic_places *places = NULL;
	int r = f->n_own > 0 ? nic_places_open(&places) : 0;
	for (uint32_t i = 0; i < f->n_own; i++) {
		struct nic_own_rule *own = &f->own[i];
		own->now = own->judged;
		if (r == 0)
			nic_place_find(places, nic, own->rule.family, own->rule.local, &own->now);
	}
	nic_places_close(places);
}

void facts_gather_sockets(struct facts *f)
{
	_cleanup_(fd_closep) int nl = f->n_own > 0 ? nic_sockets_open() : -1;
	for (uint32_t i = 0; i < f->n_own && nl >= 0; i++)
		f->own[i].abandoned =
			f->own[i].rule.socket.cookie && nic_socket_stands(nl, &f->own[i].rule) == 0;
}

int facts_error(const struct facts *f)
{
	/* A NIC that has no ntuple rules has none of others'. */
	int rules = f->steering.rules_err == -EOPNOTSUPP ? 0 : f->steering.rules_err;
	return f->steering.rss_err ? f->steering.rss_err : rules;
}

bool facts_intruder(const struct facts *f, uint32_t queue, bool table_counts,
		    struct nic_intruder *ret)
{
	struct nic_intruder found[2];
	uint32_t n = nic_intruders(&f->steering, queue, found, ARRAY_LENGTH(found));
	for (uint32_t i = 0; i < n && i < ARRAY_LENGTH(found); i++) {
		if (found[i].kind == NIC_INTRUDER_TABLE && !table_counts)
			continue;
		*ret = found[i];
		return true;
	}
	return false;
}

void facts_adopt(struct facts *f)
{
	struct nic_rule plain;
	for (uint32_t i = 0; i < f->steering.n_rules; i++)
		f->steering.rules[i].own |= nic_rule_is_plain(&f->steering.rules[i], &plain);
}
