/* SPDX-License-Identifier: MIT */
/*
 * Sends or receives one TCP stream of known bytes: see usage(). The receivers print "listening"
 * once the queue is theirs and a connection may come.
 */
#include <errno.h>
#include <net/if.h>
#include <netdb.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tests/harness/harness.h"
#include "tests/kernel/memory.h"
#include "tests/kernel/stream.h"

#define AREA_BYTES (4 << 20)

void stream_take(struct stream *s, const void *at, size_t bytes)
{
	if (!harness_pattern_is(at, s->seed, s->pos, bytes))
		die("wrong data in the %zu bytes from byte %ju on", bytes, (uintmax_t)s->pos);
	s->pos += bytes;
}

static int socket_at(const char *address, const char *port, bool listening)
{
	struct addrinfo hints = {.ai_flags = AI_NUMERICHOST | AI_NUMERICSERV,
				 .ai_socktype = SOCK_STREAM};
	struct addrinfo *a;
	int one = 1;

	int r = getaddrinfo(address, port, &hints, &a);
	if (r != 0)
		die("%s port %s: %s", address, port, gai_strerror(r));
	int sock = socket(a->ai_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (sock < 0)
		die("socket: %m");
	setsockopt(sock, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	if (listening ? bind(sock, a->ai_addr, a->ai_addrlen) < 0 || listen(sock, 1) < 0
		      : connect(sock, a->ai_addr, a->ai_addrlen) < 0)
		die("%s port %s: %m", address, port);
	freeaddrinfo(a);
	return sock;
}

static void send_all(int sock, uint64_t seed, uint64_t bytes)
{
	static char chunk[65536];
	uint64_t pos = 0;

	while (pos < bytes) {
		size_t n = bytes - pos < sizeof(chunk) ? (size_t)(bytes - pos) : sizeof(chunk);
		harness_pattern(chunk, seed, pos, n);
		for (size_t done = 0; done < n;) {
			ssize_t r = send(sock, chunk + done, n - done, MSG_NOSIGNAL);
			if (r < 0 && errno != EINTR)
				die("send: %m at byte %ju", (uintmax_t)(pos + done));
			done += r < 0 ? 0 : (size_t)r;
		}
		pos += n;
	}
}

static void plain_receive(int sock, struct stream *s)
{
	static char chunk[65536];
	ssize_t n;

	while ((n = recv(sock, chunk, sizeof(chunk), 0)) != 0) {
		if (n < 0)
			die("recv: %m at byte %ju", (uintmax_t)s->pos);
		stream_take(s, chunk, (size_t)n);
	}
}

static int accept_one(const char *address, const char *port)
{
	int listener = socket_at(address, port, true);

	puts("listening");
	fflush(stdout);
	int sock = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
	if (sock < 0)
		die("accept: %m");
	close(listener);
	return sock;
}

static void receive(char **argv, bool devmem, bool zcrx)
{
	struct stream s = {.seed = strtoull(argv[4], NULL, 0)};
	uint64_t bytes = strtoull(argv[5], NULL, 0);
	struct memory memory = {.fd = -1};
	struct target target = {.memory = &memory};

	if (devmem || zcrx) {
		target.ifindex = if_nametoindex(argv[7]);
		target.queue = (unsigned)strtoul(argv[8], NULL, 0);
		if (target.ifindex == 0)
			die("no interface %s", argv[7]);
		memory_init(&memory, argv[6], AREA_BYTES);
	}
	if (devmem)
		devmem_bind(&target);
	if (zcrx)
		zcrx_register(&target);
	int sock = accept_one(argv[2], argv[3]);
	if (devmem)
		devmem_receive(&target, sock, &s);
	else if (zcrx)
		zcrx_receive(&target, sock, &s);
	else
		plain_receive(sock, &s);
	close(sock);
	if (s.pos != bytes)
		die("the stream ended after %ju bytes instead of %ju", (uintmax_t)s.pos,
		    (uintmax_t)bytes);
}

static _Noreturn void usage(void)
{
	die("usage: kernel-stream send|plain ADDRESS PORT SEED BYTES\n"
	    "       kernel-stream devmem|zcrx ADDRESS PORT SEED BYTES MEMORY INTERFACE QUEUE");
}

int main(int argc, char **argv)
{
	const char *what = argc > 1 ? argv[1] : "";
	bool devmem = strcmp(what, "devmem") == 0, zcrx = strcmp(what, "zcrx") == 0;

	if (argc != (devmem || zcrx ? 9 : 6))
		usage();
	if (strcmp(what, "send") == 0) {
		int sock = socket_at(argv[2], argv[3], false);
		send_all(sock, strtoull(argv[4], NULL, 0), strtoull(argv[5], NULL, 0));
		close(sock);
	} else if (devmem || zcrx || strcmp(what, "plain") == 0) {
		receive(argv, devmem, zcrx);
	} else {
		usage();
	}
	return 0;
}
