/* SPDX-License-Identifier: MIT */
/*
 * Sends SIGUSR2 to the process that listens at the status socket, and reads in the status document
 * what came of it.
 */
#include "tools/ctl/upgrade.h"

#include <errno.h>
#include <getopt.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "tools/ctl/document.h"
#include "tools/ctl/status.h"

enum {
	EXIT_FAILED = 1,
	EXIT_USAGE = 2,
	EXIT_REFUSED = 3,
	WAIT_S = 60, /* its check takes 30 s at most, and what is under way 10 s */
};

static void help(FILE *out)
{
	fputs("usage: zcrxctl upgrade [--socket PATH]\n"
	      "\n"
	      "Has zcrxd execute the program that is installed by now, in the same process. Clients\n"
	      "notice nothing. For root, and for the user that zcrxd runs as.\n"
	      "\n"
	      "      --socket PATH  its status socket; else $ZCRX_STATUS, else the usual one\n"
	      "  -h, --help         print this\n"
	      "\n"
	      "exit status: 0 it is done; 1 it is not, and zcrxd goes on as before; 2 wrong usage;\n"
	      "3 not allowed; 4 no daemon\n",
	      out);
}

/* The process that listens there, as this process sees its number. */
static int listener_signal(const char *path)
{
	struct ucred who = {0};
	socklen_t len = sizeof(who);
	int sock = document_connect(path);
	int r = sock < 0 ? sock : getsockopt(sock, SOL_SOCKET, SO_PEERCRED, &who, &len);

	if (sock >= 0)
		close(sock);
	if (r < 0)
		return sock < 0 ? sock : -errno;
	if (who.pid <= 1) {
		fputs("zcrxctl: zcrxd runs in another container: send SIGUSR2 to it there\n",
		      stderr);
		return -ESRCH;
	}
	return kill(who.pid, SIGUSR2) < 0 ? -errno : 0;
}

struct seen {
	uint64_t done, failed;
	char version[64], why_not[256];
};

static int see(struct seen *ret, const char *path)
{
	struct json_object *o, *upgrades;
	int r = document_read(&o, path);

	if (r < 0)
		return r;
	upgrades = document_object(o, "upgrades");
	*ret = (struct seen){.done = upgrades ? document_number(upgrades, "done") : 0,
			     .failed = upgrades ? document_number(upgrades, "failed") : 0};
	snprintf(ret->version, sizeof(ret->version), "%s", document_text(o, "version"));
	snprintf(ret->why_not, sizeof(ret->why_not), "%s",
		 upgrades ? document_text(upgrades, "why_not") : "");
	json_object_put(o);
	return upgrades ? 0 : -EOPNOTSUPP;
}

static int failed(const char *path, int error)
{
	if (error == -EOPNOTSUPP)
		fputs("zcrxctl: this zcrxd cannot be upgraded in place: restart it\n", stderr);
	else if (error == -EPERM)
		fputs("zcrxctl: only root and zcrxd's own user may do this\n", stderr);
	else if (error != -ESRCH)
		return status_failed(path, error);
	return error == -EPERM ? EXIT_REFUSED : EXIT_FAILED;
}

/* Returns the exit status. */
static int wait_for_it(const char *path, const struct seen *before)
{
	const struct timespec pause = {.tv_nsec = 100000000};
	struct seen now;

	for (int i = 0; i < WAIT_S * 10; i++) {
		nanosleep(&pause, NULL);
		if (see(&now, path) < 0)
			continue;
		if (now.done != before->done) {
			printf("zcrxd %s became zcrxd %s\n", before->version, now.version);
			return 0;
		}
		if (now.failed != before->failed) {
			fprintf(stderr, "zcrxctl: zcrxd %s goes on: %s\n", now.version,
				now.why_not);
			return EXIT_FAILED;
		}
	}
	fputs("zcrxctl: zcrxd does not say whether it was upgraded: see its log\n", stderr);
	return EXIT_FAILED;
}

int upgrade_main(int argc, char **argv)
{
	static const struct option long_options[] = {
		{"socket", required_argument, NULL, 's'},
		{"help", no_argument, NULL, 'h'},
		{NULL, 0, NULL, 0},
	};
	const char *path = status_socket();
	struct seen before;
	int c, r;

	/* NOLINTNEXTLINE(concurrency-mt-unsafe): there is one thread */
	while ((c = getopt_long(argc, argv, "h", long_options, NULL)) != -1) {
		if (c == 'h') {
			help(stdout);
			return 0;
		}
		if (c != 's') {
			help(stderr);
			return EXIT_USAGE;
		}
		path = optarg;
	}
	if (optind < argc) {
		help(stderr);
		return EXIT_USAGE;
	}
	r = see(&before, path);
	if (r == 0)
		r = listener_signal(path);
	return r < 0 ? failed(path, r) : wait_for_it(path, &before);
}
