/* SPDX-License-Identifier: MIT */
#include "policy/config_check.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "policy/names.h"
#include "proto/text.h"

void mistake(struct mistakes *m, int line, const char *format, ...)
{
	char text[1024];
	va_list args;
	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	text_clean(text, "");
	fprintf(stderr, "%s:%d: %s\n", m->path, line, text);
	m->n++;
}

static void check_nics(const struct config *config, const struct policy_class *c,
		       struct mistakes *m)
{
	for (uint32_t i = 0; i < c->nics.n; i++) {
		const struct policy_nic *want = &c->nics.nics[i];
		const struct config_nic *nic = config->nics;
		while (nic && strcmp(nic->name, want->name) != 0)
			nic = nic->next;
		if (!nic) {
			mistake(m, c->line, "[class %s] nics=%s: there is no [nic %s]", c->name,
				want->name, want->name);
			continue;
		}
		bool has[NIC_QUEUES_MAX];
		nic_queues_mark(&nic->queues, has);
		for (uint32_t s = 0; s < want->queues.n; s++)
			for (uint32_t q = want->queues.spans[s].first;
			     q <= want->queues.spans[s].last; q++)
				if (!has[q])
					return mistake(m, c->line,
						       "[class %s] nics=%s: queue %u is not one of "
						       "[nic %s]",
						       c->name, want->name, q, want->name);
	}
}

/*
 * Checks who belongs to the class: whoever uses its socket, or its users and groups, or everybody
 * else.
 */
static void check_who(const struct config *config, const struct policy_class *c, struct mistakes *m)
{
	bool matches = c->users.n || c->groups.n;
	bool rest = strcmp(c->name, POLICY_DEFAULT) == 0;
	if (rest && (c->socket || matches))
		mistake(m, c->line,
			"[class default] is of those that match no other: no socket, users or "
			"groups");
	else if (!rest && !c->socket == !matches)
		mistake(m, c->line,
			"[class %s] needs either socket=, or users= and groups= or one of them",
			c->name);
	if (!c->socket && c->group)
		mistake(m, c->line, "[class %s] group= is of a socket, and there is none", c->name);
	for (const struct policy_class *o = config->policy.classes; c->socket && o != c;
	     o = o->next)
		if (o->socket && strcmp(o->socket, c->socket) == 0)
			mistake(m, c->line, "[class %s] socket=%s: this is [class %s]'s", c->name,
				c->socket, o->name);
	if (c->socket &&
	    (strcmp(c->socket, config->clients) == 0 || strcmp(c->socket, config->status) == 0))
		mistake(m, c->line, "[class %s] socket=%s: this is one of [sockets]", c->name,
			c->socket);
}

static void check_ranges(const struct policy_class *c, struct mistakes *m)
{
	uint32_t n = c->local.n + c->remote.n;
	if (n > POLICY_RANGES_MAX)
		mistake(m, c->line,
			"[class %s] has %u addresses in local= and remote= together; the limit is %u",
			c->name, n, POLICY_RANGES_MAX);
}

static void check_class(const struct config *config, const struct policy_class *c,
			struct mistakes *m)
{
	check_who(config, c, m);
	check_nics(config, c, m);
	check_ranges(c, m);
	if (c->host == POLICY_HOST_RECEIVE_ONLY && !c->remote.given)
		mistake(m, c->line,
			"[class %s] host-flows=receive-only needs remote=: what may be connected to",
			c->name);
}

static void check_nic(const struct config_nic *nic, struct mistakes *m)
{
	if (nic->queues.n == 0)
		mistake(m, nic->line,
			"[nic %s] needs queues=: which of its receive queues are zcrxd's",
			nic->name);
}

void config_check(const struct config *c, struct mistakes *m)
{
	for (const struct config_nic *nic = c->nics; nic; nic = nic->next)
		check_nic(nic, m);
	for (const struct policy_class *class = c->policy.classes; class; class = class->next)
		check_class(c, class, m);
}

static int group_find(struct mistakes *m, const char *name, int line, gid_t *ret)
{
	int r = name ? name_group(name, ret) : 0;
	if (r == -ENOENT)
		mistake(m, line, "group=%s: there is no such group", name);
	else if (r < 0)
		mistake(m, line, "group=%s: it cannot be looked up: %s", name, strerrordesc_np(-r));
	return r;
}

int config_find_groups(struct config *c, const char *path)
{
	struct mistakes m = {.path = path};
	int r = group_find(&m, c->group, c->group_line, &c->gid);
	for (struct policy_class *class = c->policy.classes; class && r == 0; class = class->next)
		r = group_find(&m, class->group, class->group_line, &class->gid);
	return r;
}
