/* SPDX-License-Identifier: MIT */
#include "steer.h"

#include <errno.h>
#include <ifaddrs.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../nic/others.h"
#include "../nic/reach.h"
#include "judge.h"
#include "lease.h"
#include "socket.h"
#include "util.h"

/* A listener on all addresses has a rule for each of the NIC's. */
#define RULES_MOST 16

/* Of a listener that would take their packets; its own connections are steered one by one. */
static const char others_have_it[] =
	"Another user's sockets have the local port, or it cannot be told whether they do; "
	"connections are steered one by one.";

static const uint8_t zero[16];
static const uint8_t mapped[12] = {[10] = 0xff, [11] = 0xff};

/* An address of the family it really has: an IPv4 address can come in an IPv6 one. */
struct address {
	int family;
	uint8_t ip[16];
	bool any;
	uint16_t port;
};

struct steering {
	uint32_t flows;
	uint32_t n;
	struct lease_rule *rules[RULES_MOST];
	struct address locals[RULES_MOST]; /* the rules' */
};

static struct address address_of(const struct msg_addr *a)
{
	struct address r = {.family = a->family == 4 ? AF_INET : AF_INET6, .port = a->port};
	size_t bytes = a->family == 4 ? 4 : 16;
	memcpy(r.ip, a->ip, bytes);
	if (r.family == AF_INET6 && memcmp(a->ip, mapped, sizeof(mapped)) == 0) {
		r.family = AF_INET;
		memset(r.ip, 0, sizeof(r.ip));
		memcpy(r.ip, a->ip + sizeof(mapped), 4);
	}
	r.any = memcmp(r.ip, zero, sizeof(zero)) == 0;
	return r;
}

/* False for an address of another family than IP's. */
static bool address_of_interface(struct address *ret, const struct ifaddrs *i, uint16_t port)
{
	*ret = (struct address){.family = i->ifa_addr ? i->ifa_addr->sa_family : AF_UNSPEC,
				.port = port};
	if (ret->family == AF_INET)
		memcpy(ret->ip, &((const struct sockaddr_in *)(const void *)i->ifa_addr)->sin_addr,
		       4);
	else if (ret->family == AF_INET6)
		memcpy(ret->ip,
		       &((const struct sockaddr_in6 *)(const void *)i->ifa_addr)->sin6_addr, 16);
	return ret->family == AF_INET || ret->family == AF_INET6;
}

/* Binding to an address one does not have takes no privilege (IP_FREEBIND). */
static bool is_local(const struct address *a)
{
	struct ifaddrs *list;
	struct address found;
	bool is = a->any;
	if (is || getifaddrs(&list) < 0)
		return is;
	for (const struct ifaddrs *i = list; i && !is; i = i->ifa_next)
		is = address_of_interface(&found, i, 0) && found.family == a->family &&
		     memcmp(found.ip, a->ip, sizeof(a->ip)) == 0;
	freeifaddrs(list);
	return is;
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
	case -EPERM:
		return "zcrxd lacks CAP_NET_ADMIN.";
	default:
		return "The NIC refused the ntuple rule.";
	}
}

static int rule_add(struct flow *f, const struct address *local, const struct address *remote)
{
	struct nic_rule rule = {.family = local->family, .local_port = local->port};
	memcpy(rule.local, local->ip, sizeof(rule.local));
	if (remote) {
		rule.remote_port = remote->port;
		memcpy(rule.remote, remote->ip, sizeof(rule.remote));
	}
	struct steering *s = f->steering;
	int r = lease_steer(f->queue->lease, &rule, &s->rules[s->n]);
	if (r == 0)
		s->locals[s->n++] = *local;
	return r;
}

static const char *address_judge(const struct flow *f, const struct address *a)
{
	struct msg_addr local = {.family = a->family == AF_INET ? 4 : 6, .port = a->port};
	memcpy(local.ip, a->ip, sizeof(local.ip));
	return judge_steer(f, &local);
}

/*
 * A listener on all addresses: a rule without one would take packets that are only passing through.
 * An address that comes later is not steered.
 */
static int rules_add_any(struct flow *f, const struct address *local)
{
	bool both = local->family == AF_INET6 && !socket_is_v6only(f->sock);
	struct ifaddrs *list;
	struct address at;
	const char *denied = NULL;
	int r = -EADDRNOTAVAIL;
	if (getifaddrs(&list) < 0)
		return -errno;
	for (const struct ifaddrs *i = list; i; i = i->ifa_next) {
		if (strcmp(i->ifa_name, lease_name(f->queue->lease)) != 0 ||
		    !address_of_interface(&at, i, local->port) ||
		    (at.family != local->family && !both))
			continue;
		const char *why = address_judge(f, &at);
		if (why) {
			denied = why;
			continue;
		}
		r = f->steering->n < RULES_MOST ? rule_add(f, &at, NULL) : -ENOSPC;
		if (r < 0)
			break;
	}
	freeifaddrs(list);
	if (r != -EADDRNOTAVAIL || !denied)
		return r;
	f->why_copied = denied;
	return -EACCES;
}

static int rules_add(struct flow *f, const struct address *local)
{
	struct address remote = address_of(&f->remote);
	if (f->listener && local->any)
		return rules_add_any(f, local);
	return rule_add(f, local, f->listener ? NULL : &remote);
}

/*
 * A socket in a container: its address is its own only if packets for it are routed there, and what
 * the NIC puts into the area gets there only through netkit. Returns why it does not, or NULL.
 */
static const char *why_not_there(const struct flow *f, const struct address *local)
{
	if (local->any)
		return "A listener of another network namespace than the NIC is steered only if it "
		       "is bound to an address.";
	_cleanup_(fd_closep) int netns = socket_netns(f->sock);
	int r = netns < 0 ? netns : nic_reaches(netns, local->family, local->ip);
	return r < 0 ? sentence(r) : NULL;
}

/* Is every packet that the rule will match this socket's? Returns why not, or NULL. */
static const char *why_not_its_own(const struct flow *f, const struct address *local)
{
	if (!socket_is_of_our_netns(f->sock))
		return why_not_there(f, local);
	return is_local(local) ? NULL : "The socket's local address is not one of this machine's.";
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

void steer_start(struct flow *f)
{
	struct address local = address_of(&f->local);
	if (!f->queue->lease)
		return;
	f->why_copied = why_not_its_own(f, &local);
	if (f->why_copied)
		return;
	if (!(f->listener && local.any))
		f->why_copied = judge_steer(f, &f->local);
	if (!f->why_copied && f->listener && socket_is_of_our_netns(f->sock) &&
	    port_is_of_others(f, local.port))
		f->why_copied = others_have_it;
	if (f->why_copied)
		return;
	f->steering = calloc(1, sizeof(*f->steering));
	int r = -ENOMEM;
	if (f->steering) {
		f->steering->flows = 1;
		r = rules_add(f, &local);
	}
	if (r < 0 && !f->why_copied)
		f->why_copied = sentence(r);
	if (r < 0)
		steer_stop(f);
}

/* Not all addresses of a listener on all of them need be. */
static bool is_steered(const struct steering *s, const struct msg_addr *local)
{
	struct address a = address_of(local);
	bool is = false;
	for (uint32_t i = 0; i < s->n && !is; i++)
		is = s->locals[i].family == a.family &&
		     memcmp(s->locals[i].ip, a.ip, sizeof(a.ip)) == 0;
	return is;
}

void steer_share(struct flow *f, const struct flow *listener)
{
	bool shared = listener->steering && is_steered(listener->steering, &f->local);
	if (!shared && f->queue->lease &&
	    (listener->why_copied == others_have_it ||
	     policy_steers_each(f->queue->client->class, &f->local))) {
		steer_start(f);
		return;
	}
	f->why_copied = listener->why_copied;
	if (shared) {
		f->steering = listener->steering;
		f->steering->flows++;
	} else if (listener->steering) {
		f->why_copied = judge_steer(f, &f->local);
		if (!f->why_copied)
			f->why_copied = "The address came after the listener was steered.";
	}
}

static void rules_drop(const struct flow *f, struct steering *s)
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
	rules_drop(listener, s);
	TAILQ_FOREACH (f, &listener->queue->flows, link) {
		if (f->steering != s)
			continue;
		f->steering = NULL;
		if (!f->closing && flow_state(f) < FLOW_ENDED)
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
		rules_drop(f, s);
}
