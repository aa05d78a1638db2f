/* SPDX-License-Identifier: MIT */
#include "tools/ctl/status.h"

#include "proto/wire.h"
#include "tools/ctl/document.h"
#include "tools/ctl/render.h"
#include "tools/ctl/terminal.h"

#include <errno.h>
#include <getopt.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum {
	EXIT_FAILED = 1,
	EXIT_USAGE = 2,
	EXIT_REFUSED = 3,
	EXIT_NO_DAEMON = 4
};

struct options {
	const char *socket;
	enum render_view view;
	bool watch;
	bool json;
};

static void help(FILE *out)
{
	fputs("usage: zcrxctl status [queues|flows] [-w] [--json] [--socket PATH]\n"
	      "\n"
	      "Shows what zcrxd does: its clients, or all their queues, or all their flows.\n"
	      "\n"
	      "  -w, --watch        again every second, with rates\n"
	      "  -j, --json         the daemon's own document; with -w one a line\n"
	      "      --socket PATH  its status socket; else $ZCRX_STATUS, else\n"
	      "                     " WIRE_STATUS_PATH "\n"
	      "  -h, --help         print this\n"
	      "\n"
	      "exit status: 0 shown; 1 no status document; 2 wrong usage; 3 not allowed; 4 no daemon\n",
	      out);
}

/* Returns -1 to go on, or the exit status. */
static int parse_view(struct options *o, int argc, char **argv)
{
	const char *wrong = argc > 1 ? argv[1] : NULL;

	if (argc > 0 && strcmp(argv[0], "queues") == 0)
		o->view = RENDER_QUEUES;
	else if (argc > 0 && strcmp(argv[0], "flows") == 0)
		o->view = RENDER_FLOWS;
	else if (argc > 0)
		wrong = argv[0];
	if (!wrong)
		return -1;
	fprintf(stderr, "zcrxctl: status shows queues or flows, not %s\n", wrong);
	return EXIT_USAGE;
}

const char *status_socket(void)
{
	const char *socket = getenv("ZCRX_STATUS"); /* NOLINT(concurrency-mt-unsafe): one thread */

	return socket && *socket ? socket : WIRE_STATUS_PATH;
}

/* Returns -1 to go on, or the exit status. */
static int parse(struct options *o, int argc, char **argv)
{
	static const struct option long_options[] = {
		{"watch", no_argument, NULL, 'w'},
		{"json", no_argument, NULL, 'j'},
		{"socket", required_argument, NULL, 's'},
		{"help", no_argument, NULL, 'h'},
		{NULL, 0, NULL, 0},
	};
	int c;

	*o = (struct options){.socket = status_socket()};
	/* NOLINTNEXTLINE(concurrency-mt-unsafe): there is one thread */
	while ((c = getopt_long(argc, argv, "wjh", long_options, NULL)) != -1) {
		switch (c) {
		case 'w':
			o->watch = true;
			break;
		case 'j':
			o->json = true;
			break;
		case 's':
			o->socket = optarg;
			break;
		case 'h':
			help(stdout);
			return 0;
		default:
			help(stderr);
			return EXIT_USAGE;
		}
	}
	return parse_view(o, argc - optind, argv + optind);
}

int status_failed(const char *socket, int error)
{
	switch (error) {
	case -ENOENT:
	case -ECONNREFUSED:
	case -ECONNRESET:
		fprintf(stderr,
			"zcrxctl: no zcrxd listens on %s: start zcrxd.socket, or set ZCRX_STATUS\n",
			socket);
		return EXIT_NO_DAEMON;
	case -EACCES:
		fprintf(stderr, "zcrxctl: you may not use %s: ask for membership in its group\n",
			socket);
		return EXIT_REFUSED;
	case -EPROTOTYPE:
		fprintf(stderr, "zcrxctl: %s is no status socket of zcrxd (its clients' socket?)\n",
			socket);
		return EXIT_FAILED;
	case -EBADMSG:
		fprintf(stderr,
			"zcrxctl: %s sent no status document; if it sent nothing, too many "
			"others are reading it: try again\n",
			socket);
		return EXIT_FAILED;
	default:
		fprintf(stderr, "zcrxctl: %s: %s\n", socket, strerrordesc_np(-error));
		return EXIT_FAILED;
	}
}

static void show(const struct options *o, struct json_object *now, struct json_object *before,
		 double seconds)
{
	if (o->json) {
		puts(json_object_to_json_string_ext(now, o->watch ? JSON_C_TO_STRING_PLAIN
								  : JSON_C_TO_STRING_PRETTY));
		return;
	}
	if (o->watch)
		terminal_clear();
	render(stdout, o->view, now, before, seconds);
}

static double now_s(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

int status_main(int argc, char **argv)
{
	const struct timespec second = {.tv_sec = 1};
	struct options o;
	struct json_object *now, *before = NULL;
	double last_s = 0;
	int r = parse(&o, argc, argv);

	if (r >= 0)
		return r;
	for (;;) {
		double at_s = now_s();

		r = document_read(&now, o.socket);
		if (r < 0)
			break;
		show(&o, now, before, at_s - last_s);
		json_object_put(before);
		before = now;
		last_s = at_s;
		if (!o.watch || terminal_flush() < 0)
			break;
		nanosleep(&second, NULL);
	}
	json_object_put(before);
	return r < 0 ? status_failed(o.socket, r) : 0;
}
