/* SPDX-License-Identifier: MIT */
/*
 * Clients and readers that are refused hold up only others at the same socket, also on a kernel
 * that cannot keep descriptors out (before Linux 6.16). A filter of system calls in this process
 * and its daemon makes a newer kernel look like one of those.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "tests/harness/fds.h"
#include "tests/hostile/raw.h"
#include "tests/hostile/world.h"

#ifndef SO_PASSRIGHTS
#define SO_PASSRIGHTS 83 /* Linux 6.16, asm-generic/socket.h */
#endif

enum {
	TURNED_AWAY = 300, /* more than may wait, in the daemon and before it */
	CLASSES = 400,     /* make a status that no socket's buffer holds */
	READERS = 20,
	READERS_MAX = 4, /* of a user */
	STRANGER = 61000
};

static char dir[] = "/tmp/zcrxd-turned-away-XXXXXX";

static void path_in(struct sockaddr_un *ret, const char *name)
{
	*ret = (struct sockaddr_un){.sun_family = AF_UNIX};
	snprintf(ret->sun_path, sizeof(ret->sun_path), "%s/%s", dir, name);
}

/* SO_PASSRIGHTS is an option that nobody knows. */
static void forget_passrights(void)
{
	struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_setsockopt, 0, 5),
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, args[1])),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SOL_SOCKET, 0, 3),
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, args[2])),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SO_PASSRIGHTS, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | ENOPROTOOPT),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog program = {sizeof(code) / sizeof(code[0]), code};
	assert_int_equal(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), 0);
	assert_int_equal(prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program), 0);
}

/*
 * Sends a socket whose close waits for an hour, and which only the datagram in flight holds.
 * Returns its peer, which reads nothing.
 */
static int send_lingerer(int to)
{
	static const char data[1 << 16];
	struct linger hour = {.l_onoff = 1, .l_linger = 3600};
	int pair[2], little = 4096;
	harness_pair(pair);
	assert_int_equal(setsockopt(pair[0], SOL_SOCKET, SO_RCVBUF, &little, sizeof(little)), 0);
	assert_int_equal(setsockopt(pair[1], SOL_SOCKET, SO_SNDBUF, &little, sizeof(little)), 0);
	assert_int_equal(setsockopt(pair[1], SOL_SOCKET, SO_LINGER, &hour, sizeof(hour)), 0);
	while (send(pair[1], data, sizeof(data), MSG_DONTWAIT | MSG_NOSIGNAL) > 0)
		;
	if (fds_send(to, "x", 1, &pair[1], 1, 0) < 0)
		harness_reset_on_close(pair[1]); /* it is refused already */
	close(pair[1]);
	return pair[0];
}

/* -1 if nobody accepts and no more may wait. */
static int connect_to(const char *name)
{
	struct sockaddr_un at;
	path_in(&at, name);
	int sock = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	assert_true(sock >= 0);
	if (connect(sock, (const struct sockaddr *)&at, sizeof(at)) == 0)
		return sock;
	assert_int_equal(errno, EAGAIN);
	close(sock);
	return -1;
}

static bool is_refused(int sock)
{
	union msg_any m;
	fcntl(sock, F_SETFL, fcntl(sock, F_GETFL) & ~O_NONBLOCK);
	ssize_t n = recv(sock, &m, sizeof(m), 0);
	return n == sizeof(m.fail) && m.fail.reason == REASON_QUOTA;
}

static void who_is_refused_slowly_holds_up_its_own_socket_only(void **state)
{
	(void)state;
	static int socks[TURNED_AWAY], peers[TURNED_AWAY];
	int n = 0, lingering;
	kill(zcrxd.pid, SIGSTOP); /* so that it finds the socket when it refuses */
	while (n < TURNED_AWAY && (socks[n] = connect_to("flood")) >= 0) {
		peers[n] = send_lingerer(socks[n]);
		n++;
	}
	lingering = n;
	kill(zcrxd.pid, SIGCONT);
	world_is_well();
	/* Once more as many may wait, then no more: nobody is accepted. */
	WORLD_UNTIL((socks[n] = connect_to("flood")) < 0 || ++n == TURNED_AWAY);
	assert_in_range(n, lingering, TURNED_AWAY - 1);
	for (int i = 0; i < 100; i++) { /* as many as one socket may have, and more */
		int other = connect_to("other");
		assert_true(other >= 0);
		assert_true(is_refused(other));
		close(other);
	}
	world_is_well();
	for (int i = 0; i < lingering; i++)
		close(peers[i]);
	for (int i = 0; i < n; i++) { /* it goes on where it was left */
		assert_true(is_refused(socks[i]));
		close(socks[i]);
	}
}

/* Connects and reads nothing. Returns how many of them are not hung up on. */
static int readers_kept(int socks[READERS])
{
	int kept = 0;
	for (int i = 0; i < READERS; i++) {
		struct sockaddr_un at = {.sun_family = AF_UNIX};
		memcpy(at.sun_path, zcrxd.status, strlen(zcrxd.status));
		socks[i] = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
		if (connect(socks[i], (const struct sockaddr *)&at, sizeof(at)) < 0)
			return -1;
		char byte;
		kept += recv(socks[i], &byte, 1, MSG_PEEK) == 1;
	}
	return kept;
}

static void slow_readers_of_the_status_are_few_of_each_user(void **state)
{
	(void)state;
	int pair[2], kept = 0;
	if (geteuid() != 0) {
		print_message("skip: needs root, to be another user\n");
		skip();
	}
	assert_int_equal(chmod(zcrxd.dir, 0755), 0);
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
	pid_t pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) { /* of root's group, which may read */
		int socks[READERS], r = setresuid(STRANGER, STRANGER, STRANGER);
		kept = r < 0 ? -1 : readers_kept(socks);
		close(pair[0]);
		send(pair[1], &kept, sizeof(kept), MSG_NOSIGNAL);
		recv(pair[1], &kept, sizeof(kept), 0); /* until the parent ends it */
		_exit(0);
	}
	close(pair[1]);
	assert_int_equal(recv(pair[0], &kept, sizeof(kept), 0), sizeof(kept));
	assert_int_equal(kept, READERS_MAX);
	world_is_well(); /* the status is read by this user */
	close(pair[0]);
	assert_int_equal(waitpid(pid, NULL, 0), pid);
}

static void configure(char *text, size_t room)
{
	size_t n = (size_t)snprintf(text, room,
				    "[class flood]\nsocket=%s/flood\nsessions=0\n"
				    "[class other]\nsocket=%s/other\nsessions=0\n",
				    dir, dir);
	for (int i = 0; i < CLASSES; i++)
		n += (size_t)snprintf(text + n, room - n, "[class c%d]\nusers=%d\n", i,
				      STRANGER + 1 + i);
	assert_true(n < room);
}

static int setup(void **state)
{
	static char config[CLASSES * 64];
	(void)state;
	assert_non_null(mkdtemp(dir));
	forget_passrights();
	configure(config, sizeof(config));
	world_start(config);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	world_stop();
	return rmdir(dir);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(who_is_refused_slowly_holds_up_its_own_socket_only,
					  world_is_empty),
		cmocka_unit_test_teardown(slow_readers_of_the_status_are_few_of_each_user,
					  world_is_empty),
	};
	return cmocka_run_group_tests(tests, setup, teardown);
}
