/* SPDX-License-Identifier: MIT */
#include "daemon/grant/steered.h"

#include <errno.h>
#include <ifaddrs.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/fd.h"
#include "daemon/grant/hosted.h"
#include "daemon/grant/lease.h"
#include "daemon/grant/socket_facts.h"
#include "nic/others.h"
#include "nic/reach.h"
#include "policy/policy.h"
#include "proto/addr.h"

/* Why a listener gets no rule: the rule would take packets of others, too. */
static const char others_have_it[] =
	"Another user's sockets have the local port, or it cannot be told whether they do; "
	"connections are steered one by one.";

/* Why a socket gets no rule: packets that come by the NIC are never its own. */
static const char other_device[] =
	"The socket gets nothing from the NIC's device: it is bound to another one, or the NIC is of "
	"a VRF and the socket is not.";

/* What is being steered, and the rules so far. */
struct steering {
	struct lease *lease;
	const struct steered_for *whom;
	const struct socket_facts *facts;
	struct steered *set;
	const char *denied; /* the policy's sentence, or NULL */
};

/* NULL, or why packets for the socket at this address are not steered. */
static const char *judge(const struct steering *s, const struct msg_addr *local)
{
	const struct policy_request r = {.what = POLICY_STEER,
					 .listening = s->facts->listener,
					 .local = *local,
					 .remote = s->facts->remote};
	struct policy_verdict v = policy_judge(s->whom->class, &r);
	return v.reason ? v.why : NULL;
}

static const char *sentence(int error)
{
	switch (error) {
	case -ENOTSOCK:
	case -EPROTONOSUPPORT:
		return "Only packets of plain TCP sockets are steered.";
	case -ENOTCONN:
		return "The socket is neither connected nor does it listen.";
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

static int rule_add(struct steering *s, const struct msg_addr *local, const struct msg_addr *remote,
		    const struct nic_place *place)
{
	struct nic_rule rule = {.family = addr_family(local), .local_port = local->port};
	/* A socket that is not connected yet has what its pump asked for. */
	if (remote && (!remote->port || addr_family(remote) != rule.family))
		return -EINVAL;
	/* sock_diag knows the sockets of this namespace only. */
	if (!s->facts->is_foreign)
		rule.socket = s->facts->socket;
	memcpy(rule.local, local->ip, sizeof(rule.local));
	if (remote) {
		rule.remote_port = remote->port;
		memcpy(rule.remote, remote->ip, sizeof(rule.remote));
	}
	struct steered *set = s->set;
	if (!nic_rule_can_be(&rule))
		return -EINVAL;
	int r = lease_steer(s->lease, &rule, place, &set->rules[set->n]);
	if (r == 0)
		set->locals[set->n++] = *local;
	return r;
}

/*
 * A listener on all addresses: a rule without one would take packets that are only passing through.
 * An address that comes later is not steered.
 */
static int steering_add_any(struct steering *s, const struct msg_addr *local)
{
	bool both = local->family == 6 && !s->facts->v6only;
	const struct nic_place here = {.kind = NIC_PLACE_LOCAL};
	struct ifaddrs *list;
	const char *denied = NULL;
	int r = -EADDRNOTAVAIL;
	if (getifaddrs(&list) < 0)
		return -errno;
	for (const struct ifaddrs *i = list; i; i = i->ifa_next) {
		struct msg_addr at;
		if (strcmp(i->ifa_name, lease_name(s->lease)) != 0 || nic_address_of(i, &at) < 0 ||
		    (at.family != local->family && !both))
			continue;
		at.port = local->port;
		const char *why = judge(s, &at);
		if (why) {
			denied = why;
			continue;
		}
		r = s->set->n < STEERED_RULES_MAX ? rule_add(s, &at, NULL, &here) : -ENOSPC;
		if (r < 0)
			break;
	}
	freeifaddrs(list);
	if (r != -EADDRNOTAVAIL || !denied)
		return r;
	s->denied = denied;
	return -EACCES;
}

static int steering_add(struct steering *s, const struct msg_addr *local,
			const struct nic_place *place)
{
	struct msg_addr remote = addr_unmapped(&s->facts->remote);
	if (s->facts->listener && addr_is_any(local))
		return steering_add_any(s, local);
	return rule_add(s, local, s->facts->listener ? NULL : &remote, place);
}

static int place_find(const struct steering *s, const struct msg_addr *local, int netns,
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
		r = nic_place_find(places, lease_name(s->lease), addr_family(local), local->ip,
				   ret);
	nic_places_close(places);
	return r;
}

/*
 * A socket in a container: its address is its own only if packets for it are routed there, and what
 * the NIC puts into the area gets there only through netkit. Returns why it does not, or NULL.
 */
static const char *why_not_there(const struct steering *s, const struct msg_addr *local,
				 struct nic_place *ret)
{
	struct nic_place own = {.kind = NIC_PLACE_NONE};
	if (addr_is_any(local))
		return "A listener of another network namespace than the NIC is steered only if it "
		       "is bound to an address.";
	int netns = s->whom->netns;
	int r = netns < 0 ? -EXDEV : place_find(s, local, netns, ret, &own);
	if (r == 0 && !nic_place_same(ret, &own))
		r = -EXDEV;
	return r < 0 ? sentence(r) : NULL;
}

/*
 * What one socket has at an address and a port another one may have there on another device. Of a
 * VRF's NIC such sockets may come at any time, so no rule takes the port of a listener; each
 * connection is bound to the device that it came from.
 */
static const char *why_other_device(const struct steering *s)
{
	uint32_t bound = s->facts->socket.ifindex;
	struct nic_devices of;
	int r = nic_devices_find(lease_name(s->lease), &of);
	if (r < 0)
		return sentence(r);
	if (of.is_of_vrf && s->facts->listener)
		return others_have_it;
	bool gets = bound == 0 ? !of.is_of_vrf : bound == of.nic || bound == of.master;
	return gets ? NULL : other_device;
}

/* Is every packet that the rule will match this socket's? Returns why not, or NULL. */
static const char *why_not_its_own(const struct steering *s, const struct msg_addr *local,
				   struct nic_place *ret)
{
	struct nic_place own = {.kind = NIC_PLACE_NONE};
	if (s->facts->is_foreign)
		return why_not_there(s, local, ret);
	const char *why = why_other_device(s);
	if (why)
		return why;
	int r = addr_is_any(local) ? 0 : place_find(s, local, -1, ret, &own);
	if (r < 0)
		return sentence(r);
	return addr_is_any(local) || nic_place_same(ret, &own)
		       ? NULL
		       : "The socket's local address is not one of this machine's.";
}

/*
 * Connections outlive their listener, and whoever listens next on the port need not be the same
 * user. What zcrxd itself opened it handed out to anybody. Who was passed a listener of another
 * user's was not passed the connections that this user has, nor its other listeners; of those in
 * another network namespace sock_diag does not tell.
 */
static bool port_is_of_others(const struct steering *s, const struct msg_addr *local)
{
	uid_t owner = s->facts->socket.uid;
	if (s->facts->is_foreign)
		return owner != s->whom->uid;
	if (owner == geteuid() || owner != s->whom->uid)
		owner = (uid_t)-1;
	bool both = addr_is_any(local) && local->family == 6 && !s->facts->v6only;
	struct nic_rule rule = {.family = both ? AF_UNSPEC : addr_family(local),
				.local_port = local->port,
				.socket = s->facts->socket};
	memcpy(rule.local, local->ip, sizeof(rule.local));
	return nic_port_of_others(&rule, owner) != 0;
}

/* Returns why there is to be no rule, or NULL. */
static const char *why_not(const struct steering *s, const struct msg_addr *local,
			   struct nic_place *ret)
{
	const char *why = why_not_its_own(s, local, ret);
	if (!why && !(s->facts->listener && addr_is_any(local)))
		why = judge(s, &s->facts->local);
	if (!why && s->facts->listener && port_is_of_others(s, local))
		why = others_have_it;
	return why;
}

const char *steered_why(int error)
{
	return sentence(error);
}

const char *steered_by_facts(struct steered *ret, struct lease *l, const struct steered_for *whom)
{
	struct steering s = {.lease = l, .whom = whom, .facts = whom->facts, .set = ret};
	struct msg_addr local = addr_unmapped(&whom->facts->local);
	struct nic_place place = {.kind = NIC_PLACE_NONE};
	*ret = (struct steered){0};
	const char *why = why_not(&s, &local, &place);
	if (why)
		return why;
	int r = steering_add(&s, &local, &place);
	return r == 0 ? NULL : s.denied ? s.denied : sentence(r);
}

static const char *set(struct steered *ret, struct lease *l, const struct steer_wish *wish)
{
	struct socket_facts facts;
	int r = wish->hosted ? hosted_facts(wish->hosted, &facts)
			     : socket_facts(&facts, wish->sock);
	*ret = (struct steered){0};
	_cleanup_(fd_closep) int netns =
		r == 0 && facts.is_foreign ? socket_namespace(wish->sock) : -1;
	const struct steered_for whom = {.class = wish->class,
					 .uid = geteuid(),
					 .facts = &facts,
					 .netns = netns};
	return r < 0 ? sentence(r) : steered_by_facts(ret, l, &whom);
}

/* Here they stand at once. */
struct steered_soon {
	struct steered set;
	const char *why;
};

int steered_begin(struct steered_soon **ret, struct lease *l, const struct steer_wish *wish)
{
	struct steered_soon *s = calloc(1, sizeof(*s));
	if (!s)
		return -ENOMEM;
	s->why = set(&s->set, l, wish);
	*ret = s;
	return 0;
}

bool steered_look(struct steered_soon *s, struct steered *ret, const char **ret_why)
{
	*ret = s->set;
	*ret_why = s->why;
	free(s);
	return true;
}

void steered_drop(struct steered_soon *s)
{
	free(s);
}

bool steered_is_each(const char *why)
{
	return why == others_have_it;
}
