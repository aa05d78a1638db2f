/* SPDX-License-Identifier: MIT */
/* recvmsg() that says where in the dma-buf the payload is: each fragment is read there, then freed.
 */
#include <linux/uio.h>
#define __iovec_defined 1 /* just now, by the kernel's header */
#include <errno.h>
#include <sys/socket.h>

#include "tests/kernel/memory.h"
#include "tests/kernel/stream.h"

#define FRAGMENTS     128
#define MESSAGE_BYTES (1 << 20)

#ifndef MSG_SOCK_DEVMEM /* older C libraries */
#define MSG_SOCK_DEVMEM 0x2000000
#endif

static uint32_t bound_id;

void devmem_bind(const struct target *t)
{
	bound_id = netdev_bind_rx(t->ifindex, t->queue, t->memory->fd);
}

static void take_fragment(const struct target *t, const struct dmabuf_cmsg *f, struct stream *s)
{
	if (f->dmabuf_id != bound_id)
		die("a fragment in dma-buf %u instead of %u", f->dmabuf_id, bound_id);
	if (f->frag_offset > t->memory->bytes || f->frag_size > t->memory->bytes - f->frag_offset)
		die("a fragment outside the dma-buf");
	stream_take(s, (const char *)t->memory->at + f->frag_offset, f->frag_size);
}

/* Takes all fragments of one message and gives them back together. */
static void take_message(const struct target *t, int sock, struct msghdr *msg, struct stream *s)
{
	struct dmabuf_token tokens[FRAGMENTS];
	unsigned n = 0;

	memory_begin(t->memory);
	for (struct cmsghdr *c = CMSG_FIRSTHDR(msg); c; c = CMSG_NXTHDR(msg, c)) {
		const struct dmabuf_cmsg *f = (const void *)CMSG_DATA(c);
		if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_DEVMEM_DMABUF ||
		    n == FRAGMENTS)
			die("payload that is not in the dma-buf at byte %ju", (uintmax_t)s->pos);
		take_fragment(t, f, s);
		tokens[n++] = (struct dmabuf_token){.token_start = f->frag_token, .token_count = 1};
	}
	memory_end(t->memory);
	if (n == 0)
		die("payload without a word on where it is at byte %ju", (uintmax_t)s->pos);
	int r = setsockopt(sock, SOL_SOCKET, SO_DEVMEM_DONTNEED, tokens, n * sizeof(tokens[0]));
	if (r != (int)n)
		die("SO_DEVMEM_DONTNEED: %d of %u fragments taken back", r, n);
}

void devmem_receive(const struct target *t, int sock, struct stream *s)
{
	static char nowhere[MESSAGE_BYTES]; /* only its length matters */

	for (;;) {
		_Alignas(struct cmsghdr) char
			control[FRAGMENTS * CMSG_SPACE(sizeof(struct dmabuf_cmsg))];
		struct iovec iov = {.iov_base = nowhere, .iov_len = sizeof(nowhere)};
		struct msghdr msg = {
			.msg_iov = &iov,
			.msg_iovlen = 1,
			.msg_control = control,
			.msg_controllen = sizeof(control),
		};
		ssize_t n = recvmsg(sock, &msg, MSG_SOCK_DEVMEM);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			die("recvmsg: %m at byte %ju", (uintmax_t)s->pos);
		if (n == 0)
			return;
		take_message(t, sock, &msg, s);
	}
}
