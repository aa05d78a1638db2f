/* SPDX-License-Identifier: MIT */
#include "tools/ctl/asked.h"

#include <errno.h>
#include <getopt.h>
#include <grp.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "policy/lists.h"

int asked_wrong(const char *option, const char *value, const char *expected)
{
	fprintf(stderr, "zcrxctl: %s %s: expected %s\n", option, value, expected);
	return -EINVAL;
}

/* Parses exactly one address with one port. */
static int address_parse(const char *option, const char *text, struct msg_addr *ret)
{
	struct range_list list = {0};
	int r = list_addresses(&list, text);
	const struct range *range = list.ranges;

	if (r == 0 && (list.n != 1 || !range->family || range->port_first != range->port_last ||
		       range->bits != (range->family == 6 ? 128 : 32)))
		r = -EINVAL;
	if (r == 0) {
		*ret = (struct msg_addr){.family = range->family, .port = range->port_first};
		memcpy(ret->ip, range->ip, sizeof(ret->ip));
	}
	free(list.ranges);
	return r < 0 ? asked_wrong(option, text, "an address and a port, such as 10.0.0.1:80") : 0;
}

static int steer_parse(const char *text, struct policy_request *r)
{
	char *copy = strdup(text), *remote = copy;
	const char *local = copy ? strsep(&remote, ",") : "";
	int result = address_parse("--steer", local, &r->local);

	r->what = POLICY_STEER;
	r->listening = !remote;
	if (result == 0 && remote)
		result = address_parse("--steer", remote, &r->remote);
	free(copy);
	return result;
}

static int lease_parse(struct asked *o, const char *text)
{
	struct policy_nics list = {0};
	int r = list_nics(&list, text);

	if (r == 0 && (list.n != 1 || list.nics[0].queues.n != 1 ||
		       list.nics[0].queues.spans[0].first != list.nics[0].queues.spans[0].last))
		r = -EINVAL;
	if (r == 0) {
		memcpy(o->nic, list.nics[0].name, sizeof(o->nic));
		o->request.what = POLICY_LEASE;
		o->request.nic = o->nic;
		o->request.rxq = list.nics[0].queues.spans[0].first;
	}
	(void)list_nics(&list, "");
	return r < 0 ? asked_wrong("--lease", text, "an interface and a queue, such as eth0:3") : 0;
}

static int backend_parse(const char *text, struct policy_request *r)
{
	r->what = POLICY_BACKEND;
	r->backend = backend_find(text);
	if (r->backend == MSG_BACKEND_AUTO)
		return asked_wrong("--backend", text, "one of these:" BACKEND_NAMES);
	return 0;
}

static int id_parse(const char *option, const char *text,
		    int (*parse)(struct policy_ids *, const char *), uint32_t *ret)
{
	struct policy_ids ids = {0};
	int r = parse(&ids, text);

	if (r == 0 && (ids.n != 1 || ids.spans[0].first != ids.spans[0].last))
		r = -EINVAL;
	if (r == 0)
		*ret = ids.spans[0].first;
	free(ids.spans);
	return r < 0 ? asked_wrong(option, text, "a name or a number that exists") : 0;
}

static int groups_parse(struct asked *o, const char *text)
{
	struct policy_ids ids = {0};
	int r = list_groups(&ids, text);

	o->groups_given = true;
	for (uint32_t i = 0; i < ids.n && r == 0; i++)
		if (ids.spans[i].first == ids.spans[i].last &&
		    o->who.group_count < ASKED_GROUPS_MAX)
			o->groups[o->who.group_count++] = ids.spans[i].first;
		else
			r = -EINVAL;
	free(ids.spans);
	return r < 0 ? asked_wrong("--groups", text, "groups that exist, with blanks between them")
		     : 0;
}

/* Looks up the groups that a session of the user would have. */
static void groups_look_up(struct asked *o, bool gid_given)
{
	const struct passwd *p = getpwuid(o->who.uid); /* NOLINT(concurrency-mt-unsafe) */
	int n = ASKED_GROUPS_MAX;

	if (!gid_given)
		o->who.gid = p ? p->pw_gid : (gid_t)-1;
	if (o->groups_given || !p || getgrouplist(p->pw_name, p->pw_gid, o->groups, &n) < 0)
		return;
	o->who.group_count = (uint32_t)n;
}

enum {
	SOCKET = 256,
	USER,
	GROUP,
	GROUPS,
	BACKEND,
	LEASE,
	STEER,
	LISTEN,
	CONNECT,
	RECEIVE_ONLY
};

/* Parses an option that is a request. */
static int request_parse(struct asked *o, int option, const char *value)
{
	struct policy_request *r = &o->request;

	if (o->requested) {
		fputs("zcrxctl: one request at a time\n", stderr);
		return -EINVAL;
	}
	o->requested = true;
	switch (option) {
	case BACKEND:
		return backend_parse(value, r);
	case LEASE:
		return lease_parse(o, value);
	case STEER:
		return steer_parse(value, r);
	case LISTEN:
		r->what = POLICY_FLOW;
		r->listening = true;
		return address_parse("--listen", value, &r->local);
	default:
		r->what = POLICY_FLOW;
		return address_parse("--connect", value, &r->remote);
	}
}

static int option_parse(struct asked *o, int option, const char *value, bool *gid_given)
{
	switch (option) {
	case 'c':
		o->config = value;
		return 0;
	case SOCKET:
		o->socket = value;
		return 0;
	case USER:
		return id_parse("--uid", value, list_users, &o->who.uid);
	case GROUP:
		*gid_given = true;
		return id_parse("--gid", value, list_groups, &o->who.gid);
	case GROUPS:
		return groups_parse(o, value);
	case RECEIVE_ONLY:
		o->request.receive_only = true;
		return 0;
	case '?':
		return -EINVAL;
	default:
		return request_parse(o, option, value);
	}
}

int asked_parse(struct asked *o, int argc, char **argv)
{
	static const struct option options[] = {
		{"config", required_argument, NULL, 'c'},
		{"socket", required_argument, NULL, SOCKET},
		{"uid", required_argument, NULL, USER},
		{"gid", required_argument, NULL, GROUP},
		{"groups", required_argument, NULL, GROUPS},
		{"backend", required_argument, NULL, BACKEND},
		{"lease", required_argument, NULL, LEASE},
		{"steer", required_argument, NULL, STEER},
		{"listen", required_argument, NULL, LISTEN},
		{"connect", required_argument, NULL, CONNECT},
		{"receive-only", no_argument, NULL, RECEIVE_ONLY},
		{"help", no_argument, NULL, 'h'},
		{0},
	};
	bool gid_given = false;
	int c, r = 0;

	/* NOLINTNEXTLINE(concurrency-mt-unsafe): only this thread */
	while (r == 0 && (c = getopt_long(argc, argv, "c:h", options, NULL)) != -1) {
		if (c == 'h')
			return 1;
		r = option_parse(o, c, optarg, &gid_given);
	}
	if (r == 0 && optind < argc)
		r = asked_wrong("policy", argv[optind], "options only");
	groups_look_up(o, gid_given);
	o->who.groups = o->groups;
	return r;
}
