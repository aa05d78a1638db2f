// SPDX-License-Identifier: MIT
/*
 * Descriptors of every kind. Connections are made through sockets that listen as long as the
 * process lives; their far ends reset when they close, which leaves no ports in TIME_WAIT.
 */
#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tests/fuzz/hostile.h"

#define BACKLOG 512

static struct {
	int near, near_6, host; /* near_6: -1 without IPv6 */
	uint16_t host_port, full_port;
} listening;

void list_add(struct list *l, uint32_t value)
{
	l->at[l->count++ % KEEP_IDS] = value;
}

uint32_t list_pick(const struct list *l, uint32_t number, uint32_t none)
{
	uint32_t n = l->count < KEEP_IDS ? l->count : KEEP_IDS;
	return n ? l->at[number % n] : none;
}

static int listener_new(int family, int backlog)
{
	struct sockaddr_in in = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	struct sockaddr_in6 in6 = {.sin6_family = AF_INET6, .sin6_addr = in6addr_loopback};
	bool six = family == AF_INET6;
	int sock = socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (sock < 0)
		return -1;
	if (bind(sock, six ? (void *)&in6 : (void *)&in, six ? sizeof(in6) : sizeof(in)) < 0 ||
	    listen(sock, backlog) < 0) {
		close(sock);
		return -1;
	}
	return sock;
}

int fd_keep(struct hostile *h, int fd)
{
	if (fd >= 0 && h->file_count == KEEP_FILES) {
		close(fd);
		return -1;
	}
	if (fd >= 0)
		h->files[h->file_count++] = fd;
	return fd;
}

void fds_close(struct hostile *h)
{
	peer_accept_host(h);
	while (h->file_count > 0)
		close(h->files[--h->file_count]);
}

static int kept_in(struct list *l, int fd)
{
	if (fd >= 0)
		list_add(l, (uint32_t)fd);
	return fd;
}

/* ---- connections ---- */

/* A far end, which resets when it closes. */
static void peer_add(struct hostile *h, int sock)
{
	struct linger reset = {.l_onoff = 1};
	if (sock < 0)
		return;
	setsockopt(sock, SOL_SOCKET, SO_LINGER, &reset, sizeof(reset));
	kept_in(&h->peers, fd_keep(h, sock));
}

/* Returns a socket connected to the listener, or -1. */
static int connected_to(int listener)
{
	struct sockaddr_storage at;
	socklen_t len = sizeof(at);
	if (getsockname(listener, (struct sockaddr *)&at, &len) < 0)
		return -1;
	/* Its backlog may be full: then the kernel would try for minutes. */
	int sock = socket(at.ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (sock >= 0)
		connect(sock, (struct sockaddr *)&at, len);
	return sock;
}

static uint16_t port_of(int sock)
{
	struct sockaddr_in in;
	socklen_t len = sizeof(in);
	MUST(getsockname(sock, (struct sockaddr *)&in, &len) == 0);
	return ntohs(in.sin_port);
}

void fds_prepare(void)
{
	int full = listener_new(AF_INET, 0);
	listening.near = listener_new(AF_INET, BACKLOG);
	listening.near_6 = listener_new(AF_INET6, BACKLOG);
	listening.host = listener_new(AF_INET, BACKLOG);
	MUST(full >= 0 && listening.near >= 0 && listening.host >= 0);
	fcntl(listening.host, F_SETFL, O_NONBLOCK);
	listening.host_port = port_of(listening.host);
	listening.full_port = port_of(full);
	MUST(connected_to(full) >= 0);
}

void peer_connect(struct hostile *h, int listener)
{
	peer_add(h, connected_to(listener));
}

void peer_accept(struct hostile *h, int listener)
{
	int flags = fcntl(listener, F_GETFL);
	fcntl(listener, F_SETFL, flags | O_NONBLOCK);
	peer_add(h, accept4(listener, NULL, NULL, SOCK_CLOEXEC));
	fcntl(listener, F_SETFL, flags);
}

void peer_accept_host(struct hostile *h)
{
	struct linger reset = {.l_onoff = 1};
	int sock;
	while ((sock = accept4(listening.host, NULL, NULL, SOCK_CLOEXEC)) >= 0) {
		if (h->file_count < KEEP_FILES) {
			peer_add(h, sock);
			continue;
		}
		setsockopt(sock, SOL_SOCKET, SO_LINGER, &reset, sizeof(reset));
		close(sock);
	}
}

/* Makes a connection. Returns the hostile client's end; the other end is a peer's. */
static int connection_new(struct hostile *h, bool six)
{
	int listener = six && listening.near_6 >= 0 ? listening.near_6 : listening.near;
	int sock = connected_to(listener);
	MUST(sock >= 0);
	peer_add(h, accept4(listener, NULL, NULL, SOCK_CLOEXEC));
	fcntl(sock, F_SETFL, 0);
	return kept_in(&h->socks, fd_keep(h, sock));
}

void host_confine(struct msg_flow_host *m)
{
	struct msg_addr *const addrs[] = {&m->local, &m->remote};
	for (int i = 0; i < 2; i++) {
		memset(addrs[i]->ip, 0, sizeof(addrs[i]->ip));
		if (addrs[i]->family == 4)
			memcpy(addrs[i]->ip, (uint8_t[]){127, 0, 0, 1}, 4);
		else
			addrs[i]->ip[15] = 1;
	}
	m->local.port = 0;
	switch (m->remote.port % 4) {
	case 0: /* nobody listens */
		m->remote.port = 1;
		break;
	case 1: /* nobody answers, for so long */
		m->remote.port = listening.full_port;
		m->timeout_ms = m->timeout_ms % 32 + 1;
		break;
	default:
		m->remote.port = listening.host_port;
	}
}

/* ---- memory and others ---- */

static int memory_new(struct hostile *h, uint32_t pages, int seals)
{
	off_t bytes = (off_t)pages * sysconf(_SC_PAGESIZE);
	int fd = memfd_create("hostile", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	MUST(fd >= 0 && ftruncate(fd, bytes) == 0 && fcntl(fd, F_ADD_SEALS, seals) == 0);
	h->area_bytes = (uint64_t)bytes;
	return kept_in(&h->memory, fd_keep(h, fd));
}

static int memory_read_only(struct hostile *h, uint32_t pages)
{
	char path[32];
	int fd = memory_new(h, pages, F_SEAL_SHRINK);
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	return fd_keep(h, open(path, O_RDONLY | O_CLOEXEC));
}

static int pipe_new(struct hostile *h)
{
	int fds[2];
	MUST(pipe2(fds, O_CLOEXEC) == 0);
	fd_keep(h, fds[0]);
	return fd_keep(h, fds[1]);
}

static int of_view(struct hostile *h, int which)
{
	const struct view *v = view_pick(h, h->view_count - 1);
	return v ? v->fds[which] : -1;
}

static int fd_make(struct hostile *h, enum kind kind, uint32_t pages)
{
	switch (kind) {
	case KIND_AREA:
		return memory_new(h, pages, F_SEAL_SHRINK);
	case KIND_UNSEALED:
		return memory_new(h, pages, 0);
	case KIND_WRITE_SEALED:
		return memory_new(h, pages, F_SEAL_SHRINK | F_SEAL_WRITE);
	case KIND_READ_ONLY:
		return memory_read_only(h, pages);
	case KIND_CONNECTED:
	case KIND_CONNECTED_6:
		return connection_new(h, kind == KIND_CONNECTED_6);
	case KIND_LISTENER:
		return kept_in(&h->listeners, fd_keep(h, listener_new(AF_INET, BACKLOG)));
	case KIND_UNCONNECTED:
		return fd_keep(h, socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
	case KIND_UDP:
		return fd_keep(h, socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
	case KIND_PIPE:
		return pipe_new(h);
	case KIND_NULL:
		return fd_keep(h, open("/dev/null", O_RDWR | O_CLOEXEC));
	case KIND_FOLDER:
		return fd_keep(h, open("/proc/self", O_PATH | O_CLOEXEC));
	case KIND_AGAIN:
		return h->again;
	case KIND_CONTROL:
		return h->control;
	case KIND_CQ:
		return of_view(h, 0);
	case KIND_RQ:
		return of_view(h, 1);
	case KIND_CHANNEL:
		return of_view(h, 2);
	case KIND_COUNT:
		break;
	}
	return -1;
}

int fd_of_kind(struct hostile *h, uint8_t kind, uint32_t pages)
{
	int fd = fd_make(h, kind % KIND_COUNT, pages);
	if (fd < 0)
		return h->control;
	h->again = fd;
	return fd;
}
