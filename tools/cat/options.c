/* SPDX-License-Identifier: MIT */
#include "tools/cat/options.h"

#include "proto/backend.h"
#include "tools/cat/net.h"
#include "tools/cat/say.h"
#include "tools/cat/size.h"
#include <zcrx.h>

#include <errno.h>
#include <getopt.h>
#include <limits.h>
#include <net/if.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char short_options[] = "lko:b:Zi:m:n:t:vhV";

enum {
	OPTION_DISCARD = 256,
	OPTION_SHA256,
	OPTION_JSON
};

static const struct option long_options[] = {
	{"listen", no_argument, NULL, 'l'},
	{"keep-listening", no_argument, NULL, 'k'},
	{"output", required_argument, NULL, 'o'},
	{"discard", no_argument, NULL, OPTION_DISCARD},
	{"sha256", no_argument, NULL, OPTION_SHA256},
	{"backend", required_argument, NULL, 'b'},
	{"zero-copy", no_argument, NULL, 'Z'},
	{"nic", required_argument, NULL, 'i'},
	{"memory", required_argument, NULL, 'm'},
	{"bytes", required_argument, NULL, 'n'},
	{"seconds", required_argument, NULL, 't'},
	{"verbose", no_argument, NULL, 'v'},
	{"json", no_argument, NULL, OPTION_JSON},
	{"help", no_argument, NULL, 'h'},
	{"version", no_argument, NULL, 'V'},
	{NULL, 0, NULL, 0},
};

static void help(void)
{
	fputs("usage: zcrx-cat [OPTION]... HOST PORT           connect and receive\n"
	      "       zcrx-cat [OPTION]... -l [ADDRESS] PORT   listen and receive one stream\n"
	      "\n"
	      "Receives TCP payload through zcrxd into memory of its own and passes it on.\n"
	      "\n"
	      "  -l, --listen          wait for a connection\n"
	      "  -k, --keep-listening  and for the next one after each; implies -l\n"
	      "  -o, --output FILE     write to FILE; - is stdout, the default\n"
	      "      --discard         write nowhere\n"
	      "      --sha256          report the SHA-256 of what was received\n"
	      "  -n, --bytes N         stop after N bytes (K, M, G: 1024 and so on)\n"
	      "  -t, --seconds N       stop after N seconds\n"
	      "  -b, --backend NAME    auto (the default) or one of these:" BACKEND_NAMES "\n"
	      "  -Z, --zero-copy       fail rather than have the payload copied\n"
	      "  -i, --nic NAME        receive on queues of this interface\n"
	      "  -m, --memory KIND     where payload lands: memfd[:SIZE] (64M, the default),\n"
	      "                        udmabuf[:SIZE], dma-heap:NAME[:SIZE], drm:CARD[:SIZE],\n"
	      "                        cuda:DEVICE[:SIZE], or fd:N for a sealed memfd or a dma-buf\n"
	      "                        that was inherited\n"
	      "  -v, --verbose         say on stderr what happens, and each second the rate and\n"
	      "                        the share received without a copy\n"
	      "      --json            report as one JSON object\n"
	      "  -h, --help            print this\n"
	      "  -V, --version         print the version\n"
	      "\n"
	      "The report goes to stdout, or to stderr when the payload goes to stdout. SIGINT and\n"
	      "SIGTERM end with the report. $ZCRX_SOCKET is the daemon's socket.\n"
	      "\n"
	      "exit status: 0 done; 1 the network or the output failed; 2 wrong usage; 3 the daemon\n"
	      "refused (quota, policy, -Z); 4 no daemon\n",
	      stdout);
}

static void version(void)
{
	puts("zcrx-cat " ZCRX_VERSION);
}

static bool parse_backend(struct options *o, const char *text)
{
	o->backend = backend_find(text);
	if (o->backend == MSG_BACKEND_AUTO && strcmp(text, "auto") != 0) {
		say("there is no backend %s, only these: auto" BACKEND_NAMES, text);
		return false;
	}
	return true;
}

static bool parse_limits(struct options *o, int option, const char *text)
{
	uint64_t n;

	if (!size_parse(text, &n) || n == 0 || (option == 't' && n > INT_MAX / 1000)) {
		say("-%c %s: a number above zero is needed", option, text);
		return false;
	}
	if (option == 't')
		o->limit_s = (unsigned)n;
	else
		o->limit_bytes = n;
	return true;
}

static bool parse_flag(struct options *o, int option)
{
	switch (option) {
	case 'k':
		o->keep = true;
		o->listen = true;
		return true;
	case 'l':
		o->listen = true;
		return true;
	case 'Z':
		o->zero_copy = true;
		return true;
	case 'v':
		o->verbose = true;
		return true;
	case OPTION_SHA256:
		o->sha256 = true;
		return true;
	case OPTION_JSON:
		o->json = true;
		return true;
	default:
		return false;
	}
}

static bool parse_value(struct options *o, int option, const char *value)
{
	switch (option) {
	case 'o':
		o->output = value;
		return true;
	case 'b':
		return parse_backend(o, value);
	case 'i':
		o->nic = value;
		if (strlen(value) >= IF_NAMESIZE || !*value)
			say("-i %s: not the name of an interface", value);
		return *value && strlen(value) < IF_NAMESIZE;
	case 'm':
		return memory_parse(&o->memory, value);
	case 'n':
	case 't':
		return parse_limits(o, option, value);
	default:
		return false;
	}
}

/* Parses the arguments behind the options: HOST PORT, or with -l [ADDRESS] PORT. */
static bool parse_endpoint(struct options *o, int argc, char **argv)
{
	if (argc < 1 || argc > 2 || (argc == 1 && !o->listen)) {
		say(o->listen ? "-l needs [ADDRESS] PORT" : "HOST and PORT are needed");
		return false;
	}
	o->host = argc == 2 ? argv[0] : NULL;
	o->port = argv[argc - 1];
	if (!net_is_port(o->port)) {
		say("%s is no port: a number up to 65535 is needed, or a name of /etc/services",
		    o->port);
		return false;
	}
	return true;
}

enum parsed {
	PARSED,
	TOLD,
	WRONG
};

static enum parsed parse_all(struct options *o, int argc, char **argv)
{
	bool discard = false;
	int c;

	/* NOLINTNEXTLINE(concurrency-mt-unsafe): there is one thread */
	while ((c = getopt_long(argc, argv, short_options, long_options, NULL)) != -1) {
		if (c == 'h' || c == 'V') {
			(c == 'h' ? help : version)();
			return TOLD;
		}
		if (c == OPTION_DISCARD)
			discard = true;
		else if (!parse_flag(o, c) && !(optarg && parse_value(o, c, optarg)))
			return WRONG;
	}
	if (discard && o->output) {
		say("-o and --discard exclude each other");
		return WRONG;
	}
	if (!discard && !o->output)
		o->output = "-";
	return parse_endpoint(o, argc - optind, argv + optind) ? PARSED : WRONG;
}

bool options_parse(struct options *o, int argc, char **argv, enum cat_exit *ret_status)
{
	enum parsed parsed;

	*o = (struct options){
		.nic = "",
		.memory = memory_default,
		.limit_bytes = UINT64_MAX,
	};
	parsed = parse_all(o, argc, argv);
	if (parsed == WRONG)
		fputs("zcrx-cat: --help tells the usage\n", stderr);
	*ret_status = parsed == WRONG ? CAT_USAGE : CAT_OK;
	return parsed == PARSED;
}
