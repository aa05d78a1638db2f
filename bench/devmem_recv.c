/* SPDX-License-Identifier: MIT */
/*
 * The best one can do alone with devmem TCP and privilege: a dma-buf bound to a hardware queue of
 * one's own, everything in this process. All tokens of a message go back in one call. Needs
 * CAP_NET_ADMIN, /dev/udmabuf, and packets steered to the queue.
 */
#include "bench/bench.h"
#include <linux/uio.h> /* first: its struct iovec instead of the C library's, see CMakeLists.txt */

#include <errno.h>
#include <net/if.h>
#include <stdint.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>
#include <zcrx-mem.h>

#include "nic/bind.h"

#ifndef MSG_SOCK_DEVMEM /* older C libraries */
#define MSG_SOCK_DEVMEM 0x2000000
#endif

enum {
	FRAGMENTS = 128,
	MESSAGE_BYTES = 1 << 20
};

struct receiver {
	struct bench bench;
	struct nic_binding *binding;
	const uint8_t *area;
};

static void setup(struct receiver *x)
{
	int fd = zcrx_mem_udmabuf(x->bench.area_bytes);
	uint32_t rxq = x->bench.rxq;
	void *at;
	int r;

	if (fd < 0)
		bench_die(zcrx_mem_error(), fd);
	at = mmap(NULL, x->bench.area_bytes, PROT_READ, MAP_SHARED | MAP_POPULATE, fd, 0);
	if (at == MAP_FAILED)
		bench_die("mmap", -errno);
	x->area = at;
	r = nic_bind(&x->binding, if_nametoindex(x->bench.nic), &rxq, 1, fd);
	if (r < 0)
		bench_die("bind-rx", r);
	close(fd);
}

static void give_back(struct receiver *x, int sock, const struct dmabuf_token *ranges, unsigned n,
		      unsigned tokens)
{
	int r = setsockopt(sock, SOL_SOCKET, SO_DEVMEM_DONTNEED, ranges, n * sizeof(ranges[0]));

	if (r != (int)tokens)
		bench_die("SO_DEVMEM_DONTNEED", r < 0 ? -errno : -EIO);
	x->bench.enters++;
	x->bench.completions += tokens;
}

static void take_message(struct receiver *x, int sock, struct msghdr *msg)
{
	struct dmabuf_token ranges[FRAGMENTS];
	unsigned n = 0, tokens = 0;

	for (struct cmsghdr *c = CMSG_FIRSTHDR(msg); c; c = CMSG_NXTHDR(msg, c)) {
		const struct dmabuf_cmsg *f = (const void *)CMSG_DATA(c);

		if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_DEVMEM_DMABUF)
			bench_die("payload outside the dma-buf", -EFAULT);
		bench_take(&x->bench, sock, x->area + f->frag_offset, f->frag_size);
		if (n > 0 && ranges[n - 1].token_start + ranges[n - 1].token_count == f->frag_token)
			ranges[n - 1].token_count++;
		else
			ranges[n++] = (struct dmabuf_token){f->frag_token, 1};
		tokens++;
	}
	if (tokens == 0)
		bench_die("payload without a word on where it is", -EFAULT);
	give_back(x, sock, ranges, n, tokens);
}

/* One message. Returns false at the end of the stream. */
static bool receive(void *receiver, int sock)
{
	struct receiver *x = receiver;
	static char nowhere[MESSAGE_BYTES]; /* only its length matters */
	_Alignas(struct cmsghdr) char control[FRAGMENTS * CMSG_SPACE(sizeof(struct dmabuf_cmsg))];
	struct iovec iov = {.iov_base = nowhere, .iov_len = sizeof(nowhere)};
	struct msghdr msg = {.msg_iov = &iov,
			     .msg_iovlen = 1,
			     .msg_control = control,
			     .msg_controllen = sizeof(control)};
	ssize_t n = recvmsg(sock, &msg, MSG_SOCK_DEVMEM);

	if (n < 0)
		bench_die("recvmsg", -errno);
	x->bench.enters++;
	if (n > 0)
		take_message(x, sock, &msg);
	else
		close(sock);
	return n > 0;
}

int main(int argc, char **argv)
{
	struct receiver x = {0};
	int listener;

	bench_options(&x.bench, argc, argv);
	setup(&x);
	listener = bench_listen(x.bench.flows);
	bench_begin(&x.bench, listener);
	bench_receive(&x.bench, listener, receive, &x);
	bench_end(&x.bench, "");
	nic_unbind(x.binding);
	return 0;
}
