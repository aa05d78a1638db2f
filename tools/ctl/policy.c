/* SPDX-License-Identifier: MIT */
/*
 * show asks the daemon; test reads a file and judges with the daemon's own code (daemon/policy.c),
 * so that what it says is what would happen.
 */
#include "policy.h"

#include <errno.h>
#include <getopt.h>
#include <grp.h>
#include <pwd.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../../daemon/config.h"
#include "../../daemon/explain.h"
#include "../../daemon/lists.h"
#include "../../proto/reason.h"
#include "document.h"
#include "render.h"
#include "status.h"

#define CONFIG_PATH "/etc/zcrxd/zcrxd.conf"
#define GROUPS_MOST 1024

enum {
	EXIT_DENIED = 1,
	EXIT_WRONG = 2
};

struct options {
	const char *config, *socket;
	struct policy_identity who;
	gid_t groups[GROUPS_MOST];
	bool groups_given, asked;
	struct policy_request request;
	char nic[IF_NAMESIZE];
};

static void help(FILE *out)
{
	fputs("usage: zcrxctl policy show [--socket PATH]\n"
	      "       zcrxctl policy test [-c FILE] [WHO]... [REQUEST]\n"
	      "\n"
	      "show: the classes of the zcrxd that runs, what each may do and uses now.\n"
	      "      --socket PATH  its status socket; else $ZCRX_STATUS, or the default one\n"
	      "\n"
	      "test: the class of a client, and whether it would be granted a request.\n"
	      "  -c, --config FILE  judges by this file (" CONFIG_PATH ")\n"
	      " who:\n"
	      "      --socket PATH  connects to this class's socket; else to the shared one\n"
	      "      --uid USER     name or number; else you\n"
	      "      --gid GROUP    its group, else what the user database says\n"
	      "      --groups LIST  its supplementary ones, with blanks; likewise\n"
	      " request, one of:\n"
	      "      --backend NAME         a queue: copy, devmem or zcrx\n"
	      "      --lease NIC:QUEUE      a hardware queue\n"
	      "      --steer LOCAL[,REMOTE] packets to it, both as 10.0.0.1:80 or [fd00::1]:80;\n"
	      "                             without REMOTE: of a listening socket\n"
	      "      --listen LOCAL, --connect REMOTE  a socket of zcrxd's network namespace\n"
	      "      --receive-only         ... of which the client gets only what is received\n"
	      "  -h, --help         print this\n"
	      "\n"
	      "exit status of test: 0 granted, or nothing was requested; 1 denied; 2 wrong usage, or\n"
	      "a mistake in the file\n",
	      out);
}

static int wrong(const char *option, const char *value, const char *expected)
{
	fprintf(stderr, "zcrxctl: %s %s: expected %s\n", option, value, expected);
	return -EINVAL;
}

/* Exactly one address with one port. */
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
	return r < 0 ? wrong(option, text, "an address and a port, such as 10.0.0.1:80") : 0;
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

static int lease_parse(struct options *o, const char *text)
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
	return r < 0 ? wrong("--lease", text, "an interface and a queue, such as eth0:3") : 0;
}

static int backend_parse(const char *text, struct policy_request *r)
{
	static const char *const names[] = {[MSG_BACKEND_COPY] = "copy",
					    [MSG_BACKEND_DEVMEM] = "devmem",
					    [MSG_BACKEND_ZCRX] = "zcrx"};

	r->what = POLICY_BACKEND;
	for (r->backend = MSG_BACKEND_COPY; r->backend <= MSG_BACKEND_ZCRX; r->backend++)
		if (strcmp(names[r->backend], text) == 0)
			return 0;
	return wrong("--backend", text, "copy, devmem or zcrx");
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
	return r < 0 ? wrong(option, text, "a name or a number that exists") : 0;
}

static int groups_parse(struct options *o, const char *text)
{
	struct policy_ids ids = {0};
	int r = list_groups(&ids, text);

	o->groups_given = true;
	for (uint32_t i = 0; i < ids.n && r == 0; i++)
		if (ids.spans[i].first == ids.spans[i].last && o->who.group_count < GROUPS_MOST)
			o->groups[o->who.group_count++] = ids.spans[i].first;
		else
			r = -EINVAL;
	free(ids.spans);
	return r < 0 ? wrong("--groups", text, "groups that exist, with blanks between them") : 0;
}

/* What a session of the user would have. */
static void groups_look_up(struct options *o, bool gid_given)
{
	const struct passwd *p = getpwuid(o->who.uid); /* NOLINT(concurrency-mt-unsafe) */
	int n = GROUPS_MOST;

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

/* An option that is a request. */
static int request_parse(struct options *o, int option, const char *value)
{
	struct policy_request *r = &o->request;

	if (o->asked) {
		fputs("zcrxctl: one request at a time\n", stderr);
		return -EINVAL;
	}
	o->asked = true;
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

static int option_parse(struct options *o, int option, const char *value, bool *gid_given)
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

/* Returns 0, 1 when help was printed, or -EINVAL. */
static int options_parse(struct options *o, int argc, char **argv)
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
		if (c == 'h') {
			help(stdout);
			return 1;
		}
		r = option_parse(o, c, optarg, &gid_given);
	}
	if (r == 0 && optind < argc)
		r = wrong("policy", argv[optind], "options only");
	groups_look_up(o, gid_given);
	return r;
}

static int socket_find(struct options *o, const struct config *config)
{
	const struct policy_class *c = config->policy.classes;

	if (!o->socket || strcmp(o->socket, config->clients) == 0)
		return 0;
	while (c && !(c->socket && strcmp(c->socket, o->socket) == 0))
		c = c->next;
	if (!c)
		return wrong("--socket", o->socket, "the socket of a class, or the shared one");
	o->who.socket = c->name;
	return 0;
}

/* Only what is zcrxd's can be leased, whatever the class may. */
static bool is_zcrxds(const struct config *config, const struct policy_request *r)
{
	for (const struct config_nic *n = config->nics; n; n = n->next)
		if (strcmp(n->name, r->nic) == 0)
			return nic_queues_have(&n->queues, r->rxq);
	return false;
}

static int verdict_print(const struct config *config, const struct options *o)
{
	const struct policy_class *c = policy_class_of(&config->policy, &o->who);
	struct policy_verdict v;

	printf("class %s: ", c->name);
	explain_who(c, stdout);
	putchar('\n');
	if (!o->asked) {
		explain_class(c, "  ", stdout);
		return 0;
	}
	v = policy_judge(c, &o->request);
	if (v.reason == REASON_NONE && o->request.what == POLICY_LEASE &&
	    !is_zcrxds(config, &o->request)) {
		printf("denied (BACKEND): [nic %s] has no such queue.\n", o->request.nic);
		return EXIT_DENIED;
	}
	if (v.reason == REASON_NONE)
		puts("granted");
	else
		printf("denied (%s): %s\n", reason_name(v.reason), v.why);
	return v.reason == REASON_NONE ? 0 : EXIT_DENIED;
}

static int test(int argc, char **argv)
{
	struct options o = {.who = {.uid = getuid()}};
	struct config config = {0};
	const char *path;
	int r = options_parse(&o, argc, argv), status = EXIT_WRONG;

	if (r != 0)
		return r > 0 ? 0 : EXIT_WRONG;
	o.who.groups = o.groups;
	path = o.config ? o.config : CONFIG_PATH;
	r = config_init(&config);
	if (r == 0)
		r = config_read(&config, path);
	if (r == -ENOENT && !o.config)
		r = 0;
	else if (r < 0 && r != -EINVAL)
		fprintf(stderr, "zcrxctl: %s: %s\n", path, strerrordesc_np(-r));
	if (r == 0)
		r = socket_find(&o, &config);
	if (r == 0)
		status = verdict_print(&config, &o);
	config_done(&config);
	return status;
}

static int show(int argc, char **argv)
{
	static const struct option options[] = {{"socket", required_argument, NULL, SOCKET},
						{"help", no_argument, NULL, 'h'},
						{0}};
	const char *socket = status_socket();
	struct json_object *document;
	int c, r;

	/* NOLINTNEXTLINE(concurrency-mt-unsafe): only this thread */
	while ((c = getopt_long(argc, argv, "h", options, NULL)) != -1) {
		if (c == SOCKET) {
			socket = optarg;
			continue;
		}
		help(c == 'h' ? stdout : stderr);
		return c == 'h' ? 0 : EXIT_WRONG;
	}
	if (optind < argc) {
		help(stderr);
		return EXIT_WRONG;
	}
	r = document_read(&document, socket);
	if (r < 0)
		return status_failed(socket, r);
	render_classes(stdout, document);
	json_object_put(document);
	return 0;
}

int policy_main(int argc, char **argv)
{
	if (argc > 1 && strcmp(argv[1], "test") == 0)
		return test(argc - 1, argv + 1);
	if (argc > 1 && strcmp(argv[1], "show") == 0)
		return show(argc - 1, argv + 1);
	bool asked = argc > 1 && (strcmp(argv[1], "-h") == 0 || strcmp(argv[1], "--help") == 0);
	help(asked ? stdout : stderr);
	return asked ? 0 : EXIT_WRONG;
}
