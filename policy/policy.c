/* SPDX-License-Identifier: MIT */
#include "policy/policy.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "proto/reason.h"

/* The class of those who have none any more: they may give back what they have, at this rate. */
const struct policy_class policy_nobody = {.name = "-",
					   .limits = {.requests_per_second = 1000,
						      .most_users = 1000}};

static const struct policy_verdict yes = {REASON_NONE, ""};

static const struct policy_class defaults = {
	.gid = (gid_t)-1,
	.mode = 0660,
	.limits = {.most = {[ACCOUNT_SESSIONS] = 32,
			    [ACCOUNT_QUEUES] = 16,
			    [ACCOUNT_AREAS] = 64,
			    [ACCOUNT_BYTES] = 256ull << 20,
			    [ACCOUNT_FLOWS] = 1024,
			    [ACCOUNT_LISTENERS] = 64},
		   .requests_per_second = 10000,
		   .connections_per_second = 100,
		   .leases_per_minute = 60,
		   .most_users = 16},
	.backends = BACKENDS_ALL,
};

static int ports_allow(struct range_list *list, uint16_t first)
{
	list->ranges = malloc(sizeof(*list->ranges));
	if (!list->ranges)
		return -ENOMEM;
	list->ranges[list->n++] = (struct range){.port_first = first, .port_last = RANGE_PORT_MAX};
	return 0;
}

int policy_init(struct policy *p)
{
	*p = (struct policy){0};
	return policy_class_get(p, POLICY_DEFAULT) ? 0 : -ENOMEM;
}

static void class_free(struct policy_class *c)
{
	free(c->socket);
	free(c->group);
	free(c->users.spans);
	free(c->groups.spans);
	for (uint32_t i = 0; i < c->nics.n; i++)
		free(c->nics.nics[i].queues.spans);
	free(c->nics.nics);
	free(c->local.ranges);
	free(c->remote.ranges);
	free(c);
}

void policy_done(struct policy *p)
{
	while (p->classes) {
		struct policy_class *c = p->classes;
		p->classes = c->next;
		class_free(c);
	}
}

struct policy_class *policy_class_find(const struct policy *p, const char *name)
{
	for (struct policy_class *c = p->classes; c; c = c->next)
		if (strcmp(c->name, name) == 0)
			return c;
	return NULL;
}

struct policy_class *policy_class_get(struct policy *p, const char *name)
{
	struct policy_class *c = policy_class_find(p, name), **end = &p->classes;
	if (c)
		return c;
	c = malloc(sizeof(*c));
	if (!c)
		return NULL;
	*c = defaults;
	strncat(c->name, name, sizeof(c->name) - 1);
	if (ports_allow(&c->local, RANGE_PORT_LEAST) < 0 || ports_allow(&c->remote, 0) < 0) {
		class_free(c);
		return NULL;
	}
	while (*end)
		end = &(*end)->next;
	*end = c;
	return c;
}

bool policy_ids_have(const struct policy_ids *ids, uint32_t id)
{
	for (uint32_t i = 0; i < ids->n; i++)
		if (ids->spans[i].first <= id && id <= ids->spans[i].last)
			return true;
	return false;
}

static bool matches(const struct policy_class *c, const struct policy_identity *who)
{
	if (c->socket)
		return false;
	bool is = policy_ids_have(&c->users, who->uid) || policy_ids_have(&c->groups, who->gid);
	for (uint32_t i = 0; i < who->group_count && !is; i++)
		is = policy_ids_have(&c->groups, who->groups[i]);
	return is;
}

const struct policy_class *policy_class_of(const struct policy *p,
					   const struct policy_identity *who)
{
	const struct policy_class *c;
	if (who->socket) {
		c = policy_class_find(p, who->socket);
		return c && c->socket ? c : NULL;
	}
	for (c = p->classes; c; c = c->next)
		if (matches(c, who))
			return c;
	return p->classes;
}

/*
 * Does `local` have the port with all addresses? A socket of IPv6 takes IPv4 connections as well
 * unless it is told not to, which is not known here: so it needs both families.
 */
static bool local_has_all(const struct policy_class *c, uint32_t family, uint16_t port)
{
	return range_list_has_port(&c->local, 4, port) &&
	       (family == 4 || range_list_has_port(&c->local, 6, port));
}

bool policy_steers_each(const struct policy_class *c, const struct msg_addr *local)
{
	struct msg_addr a = addr_unmapped(local);
	bool both = a.family == 6 && addr_is_any(&a);
	return !range_list_has_all(&c->remote, a.family) ||
	       (both && !range_list_has_all(&c->remote, 4));
}

bool policy_accepts(const struct policy_class *c, const struct msg_addr *remote)
{
	return c == &policy_nobody || c->host == POLICY_HOST_YES ||
	       range_list_has(&c->remote, remote);
}

bool policy_leases(const struct policy_class *c, const char *nic)
{
	for (uint32_t i = 0; i < c->nics.n; i++)
		if (!*nic || strcmp(c->nics.nics[i].name, nic) == 0)
			return true;
	return false;
}

static struct policy_verdict judge_backend(const struct policy_class *c,
					   const struct policy_request *r)
{
	if (c->backends & backend_bit(r->backend))
		return yes;
	return (struct policy_verdict){
		REASON_DENIED, "Your class may not use this backend; the administrator can add it "
			       "to backends= in zcrxd.conf."};
}

static struct policy_verdict judge_lease(const struct policy_class *c,
					 const struct policy_request *r)
{
	for (uint32_t i = 0; i < c->nics.n; i++) {
		const struct policy_nic *nic = &c->nics.nics[i];
		if (strcmp(nic->name, r->nic) == 0 &&
		    (nic->queues.n == 0 || policy_ids_have(&nic->queues, r->rxq)))
			return yes;
	}
	return (struct policy_verdict){
		REASON_DENIED, "Your class may not lease this receive queue; the administrator can "
			       "add it to nics= in zcrxd.conf."};
}

static struct policy_verdict judge_steer(const struct policy_class *c,
					 const struct policy_request *r)
{
	if (!range_list_has(&c->local, &r->local))
		return (struct policy_verdict){
			REASON_DENIED, "Your class's local= in zcrxd.conf does not list this "
				       "local address and port."};
	if (r->listening && policy_steers_each(c, &r->local))
		return (struct policy_verdict){
			REASON_DENIED, "Your class's remote= in zcrxd.conf lists some addresses "
				       "only; each connection is steered by itself."};
	if (!r->listening && !range_list_has(&c->remote, &r->remote))
		return (struct policy_verdict){
			REASON_DENIED, "Your class's remote= in zcrxd.conf does not list this "
				       "remote address and port."};
	return yes;
}

/*
 * May a socket be bound to the request's local address? An address that the kernel chooses needs no
 * permission.
 */
static bool may_bind(const struct policy_class *c, const struct policy_request *r)
{
	struct msg_addr a = addr_unmapped(&r->local);
	if (r->listening)
		return addr_is_any(&a) ? local_has_all(c, a.family, a.port)
				       : range_list_has(&c->local, &a);
	return !a.family || (addr_is_any(&a) && !r->local.port) || range_list_has(&c->local, &a);
}

static struct policy_verdict judge_flow(const struct policy_class *c,
					const struct policy_request *r)
{
	if (c->host == POLICY_HOST_YES)
		return yes;
	if (c->host == POLICY_HOST_NO)
		return (struct policy_verdict){REASON_HOST_DENIED, reason_text(REASON_HOST_DENIED)};
	if (!r->receive_only)
		return (struct policy_verdict){REASON_HOST_DENIED,
					       "Your class gets sockets of the daemon's network "
					       "namespace to receive only; ask for that."};
	if (!may_bind(c, r))
		return (struct policy_verdict){
			REASON_HOST_DENIED, "Your class's local= in zcrxd.conf does not list this "
					    "local address and port."};
	if (!r->listening && !range_list_has(&c->remote, &r->remote))
		return (struct policy_verdict){
			REASON_HOST_DENIED, "Your class's remote= in zcrxd.conf does not list this "
					    "remote address and port."};
	return yes;
}

struct policy_verdict policy_judge(const struct policy_class *c, const struct policy_request *r)
{
	if (c == &policy_nobody)
		return (struct policy_verdict){
			REASON_DENIED,
			"zcrxd.conf has changed and this connection has no class any more; connect again."};
	switch (r->what) {
	case POLICY_BACKEND:
		return judge_backend(c, r);
	case POLICY_LEASE:
		return judge_lease(c, r);
	case POLICY_STEER:
		return judge_steer(c, r);
	case POLICY_FLOW:
		return judge_flow(c, r);
	}
	return (struct policy_verdict){REASON_VALUE, reason_text(REASON_VALUE)};
}
