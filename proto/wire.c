/* SPDX-License-Identifier: MIT */
/*
 * The control buffer has room of CMSG_LEN, not CMSG_SPACE: with the padding of CMSG_SPACE the
 * kernel would place one descriptor more than asked for instead of reporting MSG_CTRUNC.
 */
#include "proto/wire.h"

#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

int wire_send(int sock, const struct msg_hdr *m, const int *fds, int flags)
{
	union {
		struct cmsghdr hdr;
		char room[CMSG_SPACE(sizeof(int) * MSG_FDS_MAX)];
	} control = {0};
	struct iovec iov = {.iov_base = (void *)(uintptr_t)m, .iov_len = m->size};
	struct msghdr msg = {.msg_iov = &iov, .msg_iovlen = 1};
	if (m->nfds > 0) {
		size_t bytes = sizeof(int) * m->nfds;
		msg.msg_control = &control;
		msg.msg_controllen = CMSG_SPACE(bytes);
		control.hdr.cmsg_level = SOL_SOCKET;
		control.hdr.cmsg_type = SCM_RIGHTS;
		control.hdr.cmsg_len = CMSG_LEN(bytes);
		memcpy(CMSG_DATA(&control.hdr), fds, bytes);
	}
	return sendmsg(sock, &msg, flags | MSG_NOSIGNAL) < 0 ? -errno : 0;
}

static uint32_t fds_take(struct msghdr *msg, int fds[MSG_FDS_MAX])
{
	uint32_t n = 0;
	for (struct cmsghdr *c = CMSG_FIRSTHDR(msg); c; c = CMSG_NXTHDR(msg, c)) {
		if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS)
			continue;
		size_t count = (c->cmsg_len - CMSG_LEN(0)) / sizeof(int);
		for (size_t i = 0; i < count && n < MSG_FDS_MAX; i++)
			memcpy(&fds[n++], CMSG_DATA(c) + i * sizeof(int), sizeof(int));
	}
	return n;
}

int wire_recv(int sock, union msg_any *m, int fds[MSG_FDS_MAX], uint32_t *ret_nfds, int flags)
{
	union {
		struct cmsghdr hdr;
		char room[CMSG_SPACE(sizeof(int) * MSG_FDS_MAX)];
	} control;
	struct iovec iov = {.iov_base = m, .iov_len = sizeof(*m)};
	struct msghdr msg = {
		.msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = &control,
		.msg_controllen = CMSG_LEN(sizeof(int) * MSG_FDS_MAX),
	};
	ssize_t n = recvmsg(sock, &msg, flags | MSG_CMSG_CLOEXEC);
	/*
	 * The peer closed its end before it read all that we sent. What it had sent comes after
	 * this error.
	 */
	if (n < 0 && errno == ECONNRESET)
		n = recvmsg(sock, &msg, flags | MSG_CMSG_CLOEXEC);
	if (n < 0)
		return -errno;
	uint32_t nfds = fds_take(&msg, fds);
	bool cut = msg.msg_flags & (MSG_TRUNC | MSG_CTRUNC);
	/*
	 * The kernel had more descriptors for us and there was room for them: this process may open
	 * no more.
	 */
	bool missed = cut && !(msg.msg_flags & MSG_TRUNC) && nfds < MSG_FDS_MAX;
	if (cut || n == 0) {
		wire_close(fds, nfds);
		nfds = 0;
	}
	if (cut && !missed)
		return -EMSGSIZE;
	memset((char *)m + n, 0, sizeof(*m) - (size_t)n);
	*ret_nfds = nfds;
	return missed ? -EMFILE : (int)n;
}

void wire_close(int *fds, uint32_t n)
{
	for (uint32_t i = 0; i < n; i++) {
		if (fds[i] >= 0)
			close(fds[i]);
		fds[i] = -1;
	}
}
