/* SPDX-License-Identifier: MIT */
/* A program that may have no more descriptors: what it gets is undone, or does without. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "tests/harness/receive.h"

enum {
	FDS_MAX = 200,
	QUEUE_FDS = 3,
	AREA = 1 << 20,
	TRIES = 200,
	CONNECTIONS = 20,
	STEP_MS = 20
};

static struct harness_daemon zcrxd;
static int filled[FDS_MAX], n_filled;

static int setup(void **state)
{
	(void)state;
	harness_daemon_start(&zcrxd, "[class default]\nqueues=1\nhost-flows=yes\n");
	struct rlimit limit;
	getrlimit(RLIMIT_NOFILE, &limit);
	limit.rlim_cur = FDS_MAX;
	return setrlimit(RLIMIT_NOFILE, &limit);
}

static int teardown(void **state)
{
	(void)state;
	harness_daemon_stop(&zcrxd);
	return 0;
}

/* No more than left can be opened from here on. */
static void fds_fill(int left)
{
	int fd;
	while ((fd = fcntl(0, F_DUPFD_CLOEXEC, 0)) >= 0)
		filled[n_filled++] = fd;
	assert_int_equal(errno, EMFILE);
	while (left-- > 0)
		close(filled[--n_filled]);
}

static void fds_free(void)
{
	while (n_filled > 0)
		close(filled[--n_filled]);
}

static void a_queue_without_its_descriptors_is_closed_again(void **state)
{
	(void)state;
	struct zcrx *z;
	struct zcrx_area *a;
	struct zcrx_queue *q;
	assert_int_equal(zcrx_connect(&z, zcrxd.socket), 0);
	assert_int_equal(zcrx_area_new(z, &a, AREA, 0), 0);
	for (int left = 0; left < QUEUE_FDS; left++) {
		fds_fill(left);
		assert_int_equal(zcrx_queue_open(z, &q, a, NULL), -EMFILE);
		assert_non_null(strstr(zcrx_error(z), "no more file descriptors"));
		fds_free();
	}
	/* The class may have one queue, and the area takes one: so no refused try left a queue
	 * behind. */
	fds_fill(QUEUE_FDS);
	assert_int_equal(zcrx_queue_open(z, &q, a, NULL), 0);
	fds_free();
	zcrx_queue_close(q);
	zcrx_close(z);
}

static void a_connection_without_its_socket_is_received_all_the_same(void **state)
{
	(void)state;
	struct harness_receiver r = {0};
	struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
	socklen_t len = sizeof(at);
	struct zcrx_flow *listener;
	struct zcrx_completion c;
	harness_receiver_open(&r, &zcrxd, AREA, NULL);
	assert_int_equal(zcrx_flow_listen(r.q, &listener, (struct sockaddr *)&at, len, 0, NULL), 0);
	assert_int_equal(zcrx_flow_local(listener, (struct sockaddr *)&at, &len), 0);
	int sock = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	fds_fill(0);
	assert_int_equal(connect(sock, (struct sockaddr *)&at, len), 0);
	assert_int_equal(send(sock, "x", 1, 0), 1);
	while (zcrx_reap(r.q, &c, 1) == 0)
		assert_true(zcrx_wait(r.q, HARNESS_PATIENCE_MS) > 0);
	assert_int_equal(c.what, ZCRX_OPEN);
	assert_int_equal(zcrx_flow_socket(c.flow), -1);
	while (zcrx_reap(r.q, &c, 1) == 0)
		assert_true(zcrx_wait(r.q, HARNESS_PATIENCE_MS) > 0);
	assert_int_equal(c.what, ZCRX_DATA);
	assert_int_equal(c.len, 1);
	fds_free();
	struct zcrx_flow *flow = c.flow;
	zcrx_recycle(r.q, &c, 1);
	zcrx_flow_close(flow, ZCRX_CLOSE_ABORT);
	assert_int_equal(recv(sock, &(char){0}, 1, 0), -1);
	assert_int_equal(errno, ECONNRESET);
	close(sock);
	zcrx_flow_close(listener, 0);
	harness_receiver_close(&r);
}

/* What parent and child share. */
struct dialling {
	bool stop; /* atomic */
	int made;  /* connections; atomic */
};

/*
 * Did the peer end this connection? Bytes are sent meanwhile: if a listening socket is closed in
 * the middle of the handshake, the kernel may forget the connection, and answers only to what is
 * sent.
 */
static bool is_ended(int sock)
{
	struct pollfd p = {.fd = sock, .events = POLLIN};
	for (int ms = 0; ms < HARNESS_PATIENCE_MS; ms += STEP_MS)
		if (send(sock, "x", 1, MSG_NOSIGNAL | MSG_DONTWAIT) < 0 || poll(&p, 1, STEP_MS) > 0)
			return true;
	return false;
}

/*
 * Connects again and again. The exit status says whether each connection was ended by the peer. The
 * own address is another one than the peer's: a socket that connects to a port of its own address
 * where nobody listens may be given this very port, and is then connected with itself.
 */
static void dial(struct dialling *d, const struct sockaddr_in *at)
{
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	const struct sockaddr_in own = {.sin_family = AF_INET,
					.sin_addr = {htonl(INADDR_LOOPBACK + 1)}};
	bool all_ended = true;
	while (all_ended && !__atomic_load_n(&d->stop, __ATOMIC_ACQUIRE)) {
		int sock = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
		setsockopt(sock, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &(int){1}, sizeof(int));
		all_ended = bind(sock, (const struct sockaddr *)&own, sizeof(own)) == 0;
		if (connect(sock, (const struct sockaddr *)at, sizeof(*at)) == 0) {
			__atomic_fetch_add(&d->made, 1, __ATOMIC_RELEASE);
			all_ended = is_ended(sock);
		}
		close(sock);
	}
	__atomic_store_n(&d->made, CONNECTIONS, __ATOMIC_RELEASE); /* nobody waits for more */
	_exit(all_ended ? 0 : 1);
}

static struct sockaddr_in free_port(void)
{
	struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
	socklen_t len = sizeof(at);
	int sock = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_int_equal(bind(sock, (struct sockaddr *)&at, sizeof(at)), 0);
	assert_int_equal(getsockname(sock, (struct sockaddr *)&at, &len), 0);
	close(sock);
	return at;
}

/* The daemon listens until it is told that the client has no use for that. */
static void a_listener_without_its_socket_takes_its_connections_along(void **state)
{
	(void)state;
	struct sockaddr_in at = free_port();
	struct dialling *d =
		mmap(NULL, sizeof(*d), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	struct harness_receiver r = {0};
	struct zcrx_flow *listener;
	struct zcrx_completion c;
	int status;
	harness_receiver_open(&r, &zcrxd, AREA, NULL);
	pid_t peer = fork();
	if (peer == 0)
		dial(d, &at);
	fds_fill(0);
	for (int i = 0; i < TRIES || __atomic_load_n(&d->made, __ATOMIC_ACQUIRE) < CONNECTIONS;
	     i++) {
		assert_int_equal(zcrx_flow_listen(r.q, &listener, (struct sockaddr *)&at,
						  sizeof(at), ZCRX_FLOW_HOST, NULL),
				 -EMFILE);
		assert_int_equal(zcrx_reap(r.q, &c, 1), 0); /* else closed flows would count on */
	}
	assert_non_null(strstr(zcrx_error(r.z), "no more file descriptors"));
	fds_free();
	__atomic_store_n(&d->stop, true, __ATOMIC_RELEASE);
	assert_int_equal(waitpid(peer, &status, 0), peer);
	assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
	harness_receiver_close(&r);
	munmap(d, sizeof(*d));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_queue_without_its_descriptors_is_closed_again),
		cmocka_unit_test(a_connection_without_its_socket_is_received_all_the_same),
		cmocka_unit_test(a_listener_without_its_socket_takes_its_connections_along),
	};
	return cmocka_run_group_tests(tests, setup, teardown);
}
