/* SPDX-License-Identifier: MIT */
#include "daemon/grant/steered.h"

#include <errno.h>
#include <ifaddrs.h>
#include <linux/sockios.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"
#include "daemon/grant/lease.h"
#include "nic/others.h"
#include "nic/reach.h"
#include "policy/policy.h"
#include "proto/addr.h"

/* Of a listener that would take their packets; its own connections are steered one by one. */
static const char others_have_it[] =
	"Another user's sockets have the local port, or it cannot be told whether they do; "
	"connections are steered one by one.";

/* What is being steered, and the rules so far. */
struct steering {
	struct lease *lease;
	const struct steer_wish *wish;
	struct steered *set;
	const char *denied; /* the policy's sentence, or NULL */
};

static uint64_t netns_cookie(int sock)
{
	uint64_t cookie = 0;
	socklen_t len = sizeof(cookie);
	return getsockopt(sock, SOL_SOCKET, SO_NETNS_COOKIE, &cookie, &len) < 0 ? 0 : cookie;
}

static bool is_of_our_netns(int sock)
{
	_cleanup_(fd_closep) int own = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	uint64_t cookie = own < 0 ? 0 : netns_cookie(own);
	return cookie && cookie == netns_cookie(sock);
}

/* A descriptor of the socket's network namespace, or a negative errno. Takes CAP_NET_ADMIN there.
 */
static int netns_of(int sock)
{
	int fd = ioctl(sock, SIOCGSKNS);
	return fd < 0 ? -errno : fd;
}

static bool is_v6only(int sock)
{
	int value = 0;
	socklen_t len = sizeof(value);
	return getsockopt(sock, IPPROTO_IPV6, IPV6_V6ONLY, &value, &len) == 0 && value == 1;
}

/* The user who made it; no user if that cannot be told. */
static uid_t owner_of(int sock)
{
	struct stat st;
	return fstat(sock, &st) < 0 ? (uid_t)-1 : st.st_uid;
}

/* NULL, or why packets for the socket at this address are not steered. */
static const char *judge(const struct steering *s, const struct msg_addr *local)
{
	const struct policy_request r = {.what = POLICY_STEER,
					 .listening = s->wish->listener,
					 .local = *local,
					 .remote = s->wish->remote};
	struct policy_verdict v = policy_judge(s->wish->class, &r);
	return v.reason ? v.why : NULL;
}

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

static int rule_add(struct steering *s, const struct msg_addr *local, const struct msg_addr *remote,
		    const struct nic_place *place)
{
	struct nic_rule rule = {.family = addr_family(local), .local_port = local->port};
	memcpy(rule.local, local->ip, sizeof(rule.local));
	if (remote) {
		rule.remote_port = remote->port;
		memcpy(rule.remote, remote->ip, sizeof(rule.remote));
	}
	struct steered *set = s->set;
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
	bool both = local->family == 6 && !is_v6only(s->wish->sock);
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
	struct msg_addr remote = addr_unmapped(&s->wish->remote);
	if (s->wish->listener && addr_is_any(local))
		return steering_add_any(s, local);
	return rule_add(s, local, s->wish->listener ? NULL : &remote, place);
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
	_cleanup_(fd_closep) int netns = netns_of(s->wish->sock);
	int r = netns < 0 ? netns : place_find(s, local, netns, ret, &own);
	if (r == 0 && !nic_place_same(ret, &own))
		r = -EXDEV;
	return r < 0 ? sentence(r) : NULL;
}

/* Is every packet that the rule will match this socket's? Returns why not, or NULL. */
static const char *why_not_its_own(const struct steering *s, const struct msg_addr *local,
				   struct nic_place *ret)
{
	struct nic_place own = {.kind = NIC_PLACE_NONE};
	if (!is_of_our_netns(s->wish->sock))
		return why_not_there(s, local, ret);
	int r = addr_is_any(local) ? 0 : place_find(s, local, -1, ret, &own);
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
static bool port_is_of_others(const struct steering *s, uint16_t port)
{
	uid_t owner = owner_of(s->wish->sock);
	if (owner == geteuid())
		owner = (uid_t)-1;
	return nic_port_of_others(port, owner) != 0;
}

/* Returns why there is to be no rule, or NULL. */
static const char *why_not(const struct steering *s, const struct msg_addr *local,
			   struct nic_place *ret)
{
	const char *why = why_not_its_own(s, local, ret);
	if (!why && !(s->wish->listener && addr_is_any(local)))
		why = judge(s, &s->wish->local);
	if (!why && s->wish->listener && is_of_our_netns(s->wish->sock) &&
	    port_is_of_others(s, local->port))
		why = others_have_it;
	return why;
}

const char *steered_set(struct steered *ret, struct lease *l, const struct steer_wish *wish)
{
	struct steering s = {.lease = l, .wish = wish, .set = ret};
	struct msg_addr local = addr_unmapped(&wish->local);
	struct nic_place place = {.kind = NIC_PLACE_NONE};
	*ret = (struct steered){0};
	const char *why = why_not(&s, &local, &place);
	if (why)
		return why;
	int r = steering_add(&s, &local, &place);
	return r == 0 ? NULL : s.denied ? s.denied : sentence(r);
}

bool steered_is_each(const char *why)
{
	return why == others_have_it;
}
