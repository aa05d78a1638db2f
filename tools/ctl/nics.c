/* SPDX-License-Identifier: MIT */
#include "tools/ctl/nics.h"

#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <string.h>

#include "nic/plan.h"
#include "nic/restore.h"
#include "policy/config.h"
#include "tools/doctor/doctor.h"

enum {
	EXIT_LACKS = 1,
	EXIT_WRONG_USAGE = 2
};

static void show(bool trouble, const char *line)
{
	fprintf(trouble ? stderr : stdout, "%s\n", line);
}

static void plan_usage(FILE *out)
{
	fputs("usage: zcrxctl plan NIC QUEUES\n"
	      "\n"
	      "Says what zcrxd would change of the interface if [nic NIC] of zcrxd.conf said\n"
	      "queues=QUEUES (such as 4-7,9), and whom that disturbs. Changes nothing. If its\n"
	      "driver or its settings do not let zcrxd lease queues, says that instead.\n"
	      "\n"
	      "  -h, --help   print this\n"
	      "\n"
	      "exit status: 0 told; 1 the interface lacks something; 2 wrong usage, no interface\n",
	      out);
}

static void restore_usage(FILE *out)
{
	fputs("usage: zcrxctl restore [--state PATH] [NIC]...\n"
	      "\n"
	      "Puts interfaces back as they were before zcrxd changed them, where it could not do\n"
	      "so itself. Without a NIC: all. Needs CAP_NET_ADMIN. Interfaces whose queues are in\n"
	      "use are left alone.\n"
	      "\n"
	      "  -s, --state PATH   zcrxd's folder (" CONFIG_STATE_PATH ")\n"
	      "  -h, --help         print this\n"
	      "\n"
	      "exit status: 0 all is as it was; 1 something could not be put back; 2 wrong usage\n",
	      out);
}

int plan_main(int argc, char **argv)
{
	static const struct option options[] = {{"help", no_argument, NULL, 'h'}, {0}};
	struct nic_queues queues = {0};
	int c, r;

	/* NOLINTNEXTLINE(concurrency-mt-unsafe): only this thread */
	while ((c = getopt_long(argc, argv, "h", options, NULL)) != -1) {
		plan_usage(c == 'h' ? stdout : stderr);
		return c == 'h' ? 0 : EXIT_WRONG_USAGE;
	}
	if (argc - optind != 2) {
		plan_usage(stderr);
		return EXIT_WRONG_USAGE;
	}
	r = nic_queues_parse(&queues, argv[optind + 1]);
	if (r < 0) {
		fprintf(stderr, "zcrxctl: %s: expected numbers and ranges, such as 4-7,9\n",
			argv[optind + 1]);
		return EXIT_WRONG_USAGE;
	}
	r = doctor_lacks(argv[optind], show);
	if (r == 0)
		r = nic_plan(argv[optind], &queues, show);
	nic_queues_done(&queues);
	if (r == -ENODEV)
		fprintf(stderr, "zcrxctl: there is no interface %s\n", argv[optind]);
	else if (r < 0)
		fprintf(stderr, "zcrxctl: %s: %s\n", argv[optind], strerrordesc_np(-r));
	else if (r > 0)
		fprintf(stderr, "zcrxctl: zcrxd cannot lease queues of %s\n", argv[optind]);
	return r < 0 ? EXIT_WRONG_USAGE : r > 0 ? EXIT_LACKS : 0;
}

static int restore_one(const char *dir, const char *nic)
{
	int r = nic_put_back(dir, nic, show);

	if (r == -ENOENT)
		printf("%s: nothing is to be put back\n", nic);
	else if (r == 0)
		printf("%s: is as it was\n", nic);
	return r == -ENOENT ? 0 : r;
}

int restore_main(int argc, char **argv)
{
	static const struct option options[] = {{"state", required_argument, NULL, 's'},
						{"help", no_argument, NULL, 'h'},
						{0}};
	const char *dir = CONFIG_STATE_PATH;
	int c, failed = 0;

	/* NOLINTNEXTLINE(concurrency-mt-unsafe): only this thread */
	while ((c = getopt_long(argc, argv, "s:h", options, NULL)) != -1) {
		if (c == 's') {
			dir = optarg;
			continue;
		}
		restore_usage(c == 'h' ? stdout : stderr);
		return c == 'h' ? 0 : EXIT_WRONG_USAGE;
	}
	if (optind == argc)
		failed = nic_put_back_all(dir, show);
	for (; optind < argc; optind++)
		failed += restore_one(dir, argv[optind]) < 0;
	return failed ? 1 : 0;
}
