/* SPDX-License-Identifier: MIT */
/*
 * Many streams of known bytes at once: sends them, or receives them through zcrxd and looks at
 * every byte. See usage(). The receiver prints "ready" when a connection may come, and a line of
 * JSON at the end. This file has the command line, and where the two ends meet.
 */
#include "tests/zcrx/many.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/kernel/die.h"
#include "tests/zcrx/harm.h"

socklen_t many_address(const struct many *m, struct sockaddr_storage *ret)
{
	struct sockaddr_in *v4 = (void *)ret;
	struct sockaddr_in6 *v6 = (void *)ret;
	memset(ret, 0, sizeof(*ret));
	if (inet_pton(AF_INET, m->ip, &v4->sin_addr) == 1) {
		v4->sin_family = AF_INET;
		v4->sin_port = htons(m->port);
		return sizeof(*v4);
	}
	if (inet_pton(AF_INET6, m->ip, &v6->sin6_addr) != 1)
		die("%s is no address", m->ip);
	v6->sin6_family = AF_INET6;
	v6->sin6_port = htons(m->port);
	return sizeof(*v6);
}

uint16_t many_port(const struct sockaddr_storage *a)
{
	if (a->ss_family == AF_INET6)
		return ntohs(((const struct sockaddr_in6 *)a)->sin6_port);
	return ntohs(((const struct sockaddr_in *)a)->sin_port);
}

int many_listener(const struct many *m)
{
	struct sockaddr_storage at;
	socklen_t len = many_address(m, &at);
	int on = 1, sock = socket(at.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
	setsockopt(sock, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	setsockopt(sock, IPPROTO_IP, IP_FREEBIND, &on, sizeof(on)); /* takes no privilege */
	if (bind(sock, (struct sockaddr *)&at, len) < 0 || listen(sock, FLOWS_MAX) < 0)
		die("%s port %u: %m", m->ip, m->port);
	return sock;
}

void many_ready(void)
{
	puts("ready");
	fflush(stdout);
}

/* name=value after the fixed arguments, of either end. */
static bool option_common(struct many *m, const char *arg)
{
	if (strncmp(arg, "rounds=", 7) == 0)
		m->rounds = (unsigned)strtoul(arg + 7, NULL, 10);
	else if (strncmp(arg, "seed=", 5) == 0)
		m->seed = strtoull(arg + 5, NULL, 10);
	else if (strcmp(arg, "open-ended") == 0)
		m->open_ended = true;
	else if (strncmp(arg, "rate=", 5) == 0)
		m->rate = (uint32_t)strtoul(arg + 5, NULL, 10);
	else
		return false;
	return true;
}

#define HUGE_SHIFT 21 /* 2 MiB */

/* Of the receiver alone. */
static bool option_receive(struct many *m, const char *arg)
{
	const char *value = strchr(arg, '=');
	unsigned long n = value ? strtoul(value + 1, NULL, 10) : 0;
	if (strncmp(arg, "area=", 5) == 0)
		m->area_bytes = n;
	else if (strncmp(arg, "cq=", 3) == 0)
		m->queue.cq_entries = (uint32_t)n;
	else if (strncmp(arg, "rq=", 3) == 0)
		m->queue.rq_entries = (uint32_t)n;
	else if (strncmp(arg, "buffer=", 7) == 0)
		m->queue.buffer_bytes = (uint32_t)n;
	else if (strncmp(arg, "backend=", 8) == 0)
		m->queue.backend = (uint32_t)n;
	else if (strncmp(arg, "queues=", 7) == 0)
		m->queue.rx_queues = (uint32_t)n;
	else if (strncmp(arg, "pause=", 6) == 0)
		m->pause_us = (unsigned)n;
	else if (strcmp(arg, "control") == 0)
		m->control = true;
	else if (strcmp(arg, "linger") == 0)
		m->linger = true;
	else if (strcmp(arg, "drop") == 0 || strcmp(arg, "leave") == 0 ||
		 strcmp(arg, "stint") == 0 || harm_is(arg))
		m->behaviour = arg;
	else if (strcmp(arg, "search") == 0)
		m->looks = true;
	else if (strncmp(arg, "memory=", 7) == 0)
		m->memory = value[1] ? value + 1 : NULL;
	else if (strcmp(arg, "huge") == 0)
		m->huge = HUGE_SHIFT;
	else if (strncmp(arg, "huge=", 5) == 0)
		m->huge = (unsigned)n;
	else if (strcmp(arg, "host") == 0)
		m->where = ZCRX_FLOW_HOST;
	else
		return false;
	return true;
}

static int usage(void)
{
	fputs("usage: many receive listen|adopt|connect|twice IP PORT FLOWS BYTES [OPTION...]\n"
	      "       many send connect|serve IP PORT FLOWS BYTES [rounds=N] [seed=N] [open-ended] [rate=BYTES]\n"
	      "options: area=BYTES cq=ENTRIES rq=ENTRIES buffer=BYTES backend=N queues=N memory=KIND huge[=LOG2] host\n"
	      "         hoard scribble jump forge owe punch amplify mappings requests queues untouched hello unread\n"
	      "         pause=MICROSECONDS drop leave stint linger control rounds=N\n"
	      "         search open-ended seed=N (the sender's, too)\n",
	      stderr);
	return 2;
}

int main(int argc, char **argv)
{
	struct many m = {.rounds = 1,
			 .seed = 77,
			 .queue = {.size = sizeof(m.queue)},
			 .area_bytes = 4 << 20,
			 .pause_us = 100};
	if (argc < 7)
		return usage();
	bool receives = strcmp(argv[1], "receive") == 0;
	m.how = argv[2];
	m.ip = argv[3];
	m.port = (uint16_t)strtoul(argv[4], NULL, 10);
	m.flows = (unsigned)strtoul(argv[5], NULL, 10);
	m.bytes = strtoull(argv[6], NULL, 10);
	if (m.flows == 0 || m.flows > FLOWS_MAX)
		die("1 to %d flows", FLOWS_MAX);
	for (char **arg = argv + 7; *arg; arg++)
		if (!option_common(&m, *arg) && !(receives && option_receive(&m, *arg)))
			die("%s: unknown", *arg);
	if (receives)
		many_receive(&m);
	else
		many_send(&m);
	return 0;
}
