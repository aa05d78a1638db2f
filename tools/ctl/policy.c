/* SPDX-License-Identifier: MIT */
/*
 * `show` asks the daemon. `test` reads a file and judges by the daemon's own code
 * (policy/policy.c), so that it says what the daemon would do.
 */
#include "tools/ctl/policy.h"

#include <getopt.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "policy/config_file.h"
#include "policy/explain.h"
#include "proto/backend.h"
#include "proto/reason.h"
#include "tools/ctl/asked.h"
#include "tools/ctl/document.h"
#include "tools/ctl/render.h"
#include "tools/ctl/status.h"

enum {
	EXIT_DENIED = 1,
	EXIT_WRONG = 2
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
	      "      --gid GROUP    its group; else what the user database says\n"
	      "      --groups LIST  its supplementary groups, with blanks between them; else what the\n"
	      "                     user database says\n"
	      " request, one of:\n"
	      "      --backend NAME         a queue of one of these:" BACKEND_NAMES "\n"
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

static int socket_find(struct asked *o, const struct config *config)
{
	const struct policy_class *c = config->policy.classes;

	if (!o->socket || strcmp(o->socket, config->clients) == 0)
		return 0;
	while (c && !(c->socket && strcmp(c->socket, o->socket) == 0))
		c = c->next;
	if (!c)
		return asked_wrong("--socket", o->socket,
				   "the socket of a class, or the shared one");
	o->who.socket = c->name;
	return 0;
}

/* Is the queue one of zcrxd's? No other can be leased, whatever the class may do. */
static bool is_zcrxds(const struct config *config, const struct policy_request *r)
{
	for (const struct config_nic *n = config->nics; n; n = n->next)
		if (strcmp(n->name, r->nic) == 0)
			return nic_queues_have(&n->queues, r->rxq);
	return false;
}

static int denied(uint32_t reason, const char *why)
{
	printf("denied (%s): %s\n", reason_name(reason), why);
	return EXIT_DENIED;
}

/* What the class has no hardware queue for, whatever its backends= say. */
static int queues_judge(const struct config *config, const struct policy_class *c,
			const struct policy_request *r)
{
	char why[256];
	if (r->what == POLICY_LEASE && !is_zcrxds(config, r)) {
		snprintf(why, sizeof(why), "[nic %s] has no such queue.", r->nic);
		return denied(REASON_BACKEND, why);
	}
	if (r->what != POLICY_BACKEND || !(backend_bit(r->backend) & BACKENDS_LEASED))
		return 0;
	snprintf(why, sizeof(why), config->nics ? POLICY_MAY_NOT_LEASE : POLICY_NO_QUEUES, "", "");
	if (!config->nics)
		return denied(REASON_BACKEND, why);
	return c->nics.n ? 0 : denied(REASON_DENIED, why);
}

static int verdict_print(const struct config *config, const struct asked *o)
{
	const struct policy_class *c = policy_class_of(&config->policy, &o->who);
	struct policy_verdict v;

	printf("class %s: ", c->name);
	explain_who(c, stdout);
	putchar('\n');
	if (!o->requested) {
		explain_class(c, "  ", stdout);
		return 0;
	}
	v = policy_judge(c, &o->request);
	if (v.reason != REASON_NONE)
		return denied(v.reason, v.why);
	int status = queues_judge(config, c, &o->request);
	if (status == 0)
		puts("granted");
	return status;
}

static int test(int argc, char **argv)
{
	struct asked o = {.who = {.uid = getuid()}};
	struct config config = {0};
	int r = asked_parse(&o, argc, argv), status = EXIT_WRONG;

	if (r > 0) {
		help(stdout);
		return 0;
	}
	if (r < 0)
		return EXIT_WRONG;
	r = config_load(&config, o.config);
	if (r == 0)
		r = socket_find(&o, &config);
	if (r == 0)
		status = verdict_print(&config, &o);
	config_done(&config);
	return status;
}

static int show(int argc, char **argv)
{
	static const struct option options[] = {{"socket", required_argument, NULL, 's'},
						{"help", no_argument, NULL, 'h'},
						{0}};
	const char *socket = status_socket();
	struct json_object *document;
	int c, r;

	/* NOLINTNEXTLINE(concurrency-mt-unsafe): only this thread */
	while ((c = getopt_long(argc, argv, "h", options, NULL)) != -1) {
		if (c == 's') {
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
