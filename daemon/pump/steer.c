/* SPDX-License-Identifier: MIT */
#include "daemon/pump/steer.h"

#include <errno.h>
#include <ifaddrs.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/fd.h"
#include "daemon/grant/lease.h"
#include "daemon/grant/rules.h"
#include "daemon/pump/flows.h"
#include "daemon/pump/judge.h"
#include "daemon/pump/socket.h"
#include "nic/others.h"
#include "nic/reach.h"

/* A listener on all addresses has a rule for each of the NIC's. */
#define RULES_MOST 16

/* For a listener whose rule would take packets of other users' connections. */
static const char others_have_it[] =
	"Another user's sockets have the local port, or it cannot be told whether they do; "
	"connections are steered one by one.";

struct steering {
	uint32_t flows;
	uint32_t n;
	struct lease_rule *rules[RULES_MOST];
	struct msg_addr locals[RULES_MOST]; /* the rules' */
};

static const char *sentence(int error)
{
	switch (error) {
	case -EXDEV:
		return "The socket is of another network namespace than the NIC, and its address "
		       "is not routed there through a netkit device.";
	case -EALREADY:
		return "Another flow is steered by the same addresses.";
	case -EEXIST:
		return "A rule that is not zcrxd's steers the same packets.";
	case -ENOSPC:
		return "The NIC's table of ntuple rules is full.";
	case -EOPNOTSUPP:
	case -EINVAL:
		return "The NIC cannot match these addresses.";
	case -EADDRNOTAVAIL:
		return "The NIC has no address.";
	case -EBUSY:
		return "Other programs changed the NIC's table of ntuple rules at the same time.";
	case -EPERM:
		return "zcrxd lacks CAP_NET_ADMIN.";
	default:
		return "The NIC refused the ntuple rule.";
	}
}

static int rule_add(struct flow *f, const struct msg_addr *local, const struct msg_addr *remote,
		    const struct nic_place *place)
{
	struct nic_rule rule = {.family = addr_family(local), .local_port = local->port};
	memcpy(rule.local, local->ip, sizeof(rule.local));
	if (remote) {
		rule.remote_port = remote->port;
		memcpy(rule.remote, remote->ip, sizeof(rule.remote));
	}
	struct steering *s = f->steering;
	int r = lease_steer(f->queue->lease, &rule, place, &s->rules[s->n]);
	if (r == 0)
		s->locals[s->n++] = *local;
	return r;
}

/*
 * A listener on all addresses: a rule without one would take packets that are only passing through.
 * An address that comes later is not steered.
 */
static int steering_add_any(struct flow *f, const struct msg_addr *local)
{
	bool both = local->family == 6 && !socket_is_v6only(f->sock);
	const struct nic_place here = {.kind = NIC_PLACE_LOCAL};
	struct ifaddrs *list;
	const char *denied = NULL;
	int r = -EADDRNOTAVAIL;
	if (getifaddrs(&list) < 0)
		return -errno;
	for (const struct ifaddrs *i = list; i; i = i->ifa_next) {
		struct msg_addr at;
		if (strcmp(i->ifa_name, lease_name(f->queue->lease)) != 0 ||
		    nic_address_of(i, &at) < 0 || (at.family != local->family && !both))
			continue;
		at.port = local->port;
		const char *why = judge_steer(f, &at);
		if (why) {
			denied = why;
			continue;
		}
		r = f->steering->n < RULES_MOST ? rule_add(f, &at, NULL, &here) : -ENOSPC;
		if (r < 0)
			break;
	}
	freeifaddrs(list);
	if (r != -EADDRNOTAVAIL || !denied)
		return r;
	flows_set_why_copied(f, denied);
	return -EACCES;
}

static int steering_add(struct flow *f, const struct msg_addr *local, const struct nic_place *place)
{
	struct msg_addr remote = addr_unmapped(&f->remote);
	if (f->listener && addr_is_any(local))
		return steering_add_any(f, local);
	return rule_add(f, local, f->listener ? NULL : &remote, place);
}

static int place_find(const struct flow *f, const struct msg_addr *local, int netns,
		      struct nic_place *ret, struct nic_place *ret_own)
{
	struct nic_places *places;
	int r = nic_places_open(&places);
	if (r < 0)
		return r;
	*ret_own = (struct nic_place){.kind = NIC_PLACE_LOCAL};
	if (netns >= 0) {
		ret_own->kind = NIC_PLACE_NETKIT;
		r = nic_netns_number(places, netns, &ret_own->netns);
	}
	if (r == 0)
		r = nic_place_find(places, lease_name(f->queue->lease), addr_family(local),
				   local->ip, ret);
	nic_places_close(places);
	return r;
}

/*
 * A socket in a container: its address is its own only if packets for it are routed there, and what
 * the NIC puts into the area gets there only through netkit. Returns why it does not, or NULL.
 */
static const char *why_not_there(const struct flow *f, const struct msg_addr *local,
				 struct nic_place *ret)
{
	struct nic_place own = {.kind = NIC_PLACE_NONE};
	if (addr_is_any(local))
		return "A listener of another network namespace than the NIC is steered only if it "
		       "is bound to an address.";
	_cleanup_(fd_closep) int netns = socket_netns(f->sock);
	int r = netns < 0 ? netns : place_find(f, local, netns, ret, &own);
	if (r == 0 && !nic_place_same(ret, &own))
		r = -EXDEV;
	return r < 0 ? sentence(r) : NULL;
}

/* Is every packet that the rule will match this socket's? Returns why not, or NULL. */
static const char *why_not_its_own(const struct flow *f, const struct msg_addr *local,
				   struct nic_place *ret)
{
	struct nic_place own = {.kind = NIC_PLACE_NONE};
	if (!socket_is_of_our_netns(f->sock))
		return why_not_there(f, local, ret);
	int r = addr_is_any(local) ? 0 : place_find(f, local, -1, ret, &own);
	if (r < 0)
		return sentence(r);
	return addr_is_any(local) || nic_place_same(ret, &own)
		       ? NULL
		       : "The socket's local address is not one of this machine's.";
}

/*
 * Connections outlive their listener, and whoever listens next on the port need not be the same
 * user. What zcrxd itself opened it handed out to anybody.
 */
static bool port_is_of_others(const struct flow *f, uint16_t port)
{
	uid_t owner = socket_owner(f->sock);
	if (owner == geteuid())
		owner = (uid_t)-1;
	return nic_port_of_others(port, owner) != 0;
}

/* Returns why there is to be no rule, or NULL. */
static const char *why_not(const struct flow *f, const struct msg_addr *local,
			   struct nic_place *ret)
{
	const char *why = why_not_its_own(f, local, ret);
	if (!why && !(f->listener && addr_is_any(local)))
		why = judge_steer(f, &f->local);
	if (!why && f->listener && socket_is_of_our_netns(f->sock) &&
	    port_is_of_others(f, local->port))
		why = others_have_it;
	return why;
}

void steer_start(struct flow *f)
{
	struct msg_addr local = addr_unmapped(&f->local);
	struct nic_place place = {.kind = NIC_PLACE_NONE};
	if (!f->queue->lease)
		return;
	const char *why = why_not(f, &local, &place);
	flows_set_why_copied(f, why);
	if (why)
		return;
	f->steering = calloc(1, sizeof(*f->steering));
	int r = -ENOMEM;
	if (f->steering) {
		f->steering->flows = 1;
		r = steering_add(f, &local, &place);
	}
	if (r < 0 && !f->why_copied)
		flows_set_why_copied(f, sentence(r));
	if (r < 0)
		steer_stop(f);
}

/* The rule of this address, or NULL: a listener on all addresses may have none for some. */
static const struct lease_rule *rule_of(const struct steering *s, const struct msg_addr *local)
{
	for (uint32_t i = 0; i < s->n; i++)
		if (addr_same_ip(&s->locals[i], local))
			return s->rules[i];
	return NULL;
}

/* Why the rules do not bring the flow's packets; for a listener on all addresses, some of them. */
static const char *why_of(const struct flow *f)
{
	const struct steering *s = f->steering;
	const struct lease_rule *rule = rule_of(s, &f->local);
	const char *why = rule ? rule_why(rule) : NULL;
	for (uint32_t i = 0; !rule && i < s->n && !why; i++)
		why = rule_why(s->rules[i]);
	return why;
}

void steer_look(struct queue *q)
{
	struct flow *f;
	TAILQ_FOREACH (f, &q->flows, link)
		if (f->steering)
			flows_set_why_copied(f, why_of(f));
}

void steer_share(struct flow *f, const struct flow *listener)
{
	bool shared = listener->steering && rule_of(listener->steering, &f->local);
	if (!shared && f->queue->lease &&
	    (listener->why_copied == others_have_it ||
	     policy_steers_each(f->queue->client->class, &f->local))) {
		steer_start(f);
		return;
	}
	if (shared) {
		f->steering = listener->steering;
		f->steering->flows++;
		flows_set_why_copied(f, why_of(f));
	} else if (listener->steering) {
		const char *why = judge_steer(f, &f->local);
		flows_set_why_copied(f, why ? why
					    : "The address came after the listener was steered.");
	} else {
		flows_set_why_copied(f, listener->why_copied);
	}
}

static void steering_drop(const struct flow *f, struct steering *s)
{
	while (s->n > 0)
		lease_unsteer(f->queue->lease, s->rules[--s->n]);
	free(s);
}

/*
 * Once a listener is gone anybody may listen on its port: a rule for all of it must not outlive it,
 * so the connections that shared it get their own.
 */
static void listener_stop(const struct flow *listener, struct steering *s)
{
	struct flow *f;
	steering_drop(listener, s);
	TAILQ_FOREACH (f, &listener->queue->flows, link) {
		if (f->steering != s)
			continue;
		f->steering = NULL;
		if (!f->closing && !queue_is_closing(f->queue) && f->state < FLOW_ENDED)
			steer_start(f);
	}
}

void steer_stop(struct flow *f)
{
	struct steering *s = f->steering;
	f->steering = NULL;
	if (s && f->listener)
		listener_stop(f, s);
	else if (s && --s->flows == 0)
		steering_drop(f, s);
}
