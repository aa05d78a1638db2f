// SPDX-License-Identifier: MIT
/*
 * A whole client thread with the copy backend against a client that does anything. The input is a
 * sequence of operations: raw datagrams with descriptors of any kind, requests with mutated fields,
 * garbage in the shared ring, data and resets on adopted sockets. In the end the client hangs up,
 * and the thread has to end within seconds and leave no descriptor behind.
 */
#include <dirent.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/pidfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include "../../daemon/account.h"
#include "../../daemon/client.h"
#include "../../daemon/log.h"
#include "../../proto/wire.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define OPERATIONS_MOST 40
#define PATIENCE_MS     10000
#define AREA_BYTES      (256u << 10)

struct input {
	const uint8_t *at, *end;
};

/* The hostile client. */
struct hostile {
	struct input in;
	int control, channel;
	int sockets[8]; /* ends of adopted sockets, and what connected to listeners */
	uint32_t socket_count, serial;
	uint32_t area, queue, flow; /* ids given last */
	char *rq;
	size_t rq_bytes;
	struct sockaddr_in listener;
};

static uint8_t byte(struct input *in)
{
	return in->at < in->end ? *in->at++ : 0;
}

static uint32_t word(struct input *in)
{
	uint32_t w = 0;
	for (int i = 0; i < 4; i++)
		w = w << 8 | byte(in);
	return w;
}

static int memfd(int seals)
{
	int fd = memfd_create("fuzz", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	if (ftruncate(fd, AREA_BYTES) < 0 || fcntl(fd, F_ADD_SEALS, seals) < 0)
		__builtin_trap();
	return fd;
}

static void keep(struct hostile *h, int sock)
{
	int *slot = &h->sockets[h->socket_count++ % 8];
	if (*slot >= 0)
		close(*slot);
	*slot = sock;
}

static int tcp_listener(struct hostile *h)
{
	socklen_t len = sizeof(h->listener);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	h->listener = (struct sockaddr_in){.sin_family = AF_INET,
					   .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	if (bind(fd, (struct sockaddr *)&h->listener, len) < 0 || listen(fd, 8) < 0 ||
	    getsockname(fd, (struct sockaddr *)&h->listener, &len) < 0)
		__builtin_trap();
	return fd;
}

static int tcp_connect(const struct hostile *h)
{
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (connect(fd, (const struct sockaddr *)&h->listener, sizeof(h->listener)) < 0) {
		close(fd);
		return -1;
	}
	return fd;
}

/* Both ends of a connection: one is returned, the other kept. */
static int tcp_connected(struct hostile *h)
{
	struct sockaddr_in before = h->listener;
	int listener = tcp_listener(h);
	int sock = tcp_connect(h);
	keep(h, accept4(listener, NULL, NULL, SOCK_CLOEXEC));
	close(listener);
	h->listener = before;
	return sock;
}

static int descriptor(struct hostile *h, uint8_t kind)
{
	switch (kind % 8) {
	case 0:
		return memfd(F_SEAL_SHRINK);
	case 1:
		return memfd(F_SEAL_GROW);
	case 2:
		return tcp_connected(h);
	case 3:
		return tcp_listener(h);
	case 4:
		return socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	case 5:
		return eventfd(0, EFD_CLOEXEC);
	case 6:
		return open("/dev/null", O_RDWR | O_CLOEXEC);
	default:
		return fcntl(h->control, F_DUPFD_CLOEXEC, 0);
	}
}

/* What a reply gives to work with. */
static void learn(struct hostile *h, const union msg_any *m, int *fds, uint32_t nfds)
{
	if (m->hdr.error == 0 && m->hdr.type == MSG_AREA_ADD)
		h->area = m->area_add_reply.area_id;
	if (m->hdr.error == 0 && (m->hdr.type == MSG_FLOW_ADOPT || m->hdr.type == MSG_FLOW_HOST))
		h->flow = m->flow_reply.flow_id;
	if (m->hdr.error == 0 && m->hdr.type == MSG_QUEUE_OPEN && nfds == 3 && !h->rq) {
		h->queue = m->queue_open_reply.queue_id;
		h->rq_bytes = m->queue_open_reply.rings.rq_map_bytes;
		h->rq = mmap(NULL, h->rq_bytes, PROT_READ | PROT_WRITE, MAP_SHARED, fds[1], 0);
		h->channel = fds[2];
		fds[2] = -1;
	}
	wire_close(fds, nfds);
}

static void exchange(struct hostile *h, union msg_any *m, const int *fds)
{
	union msg_any reply;
	int got[MSG_FDS_MAX];
	uint32_t nfds = 0;
	if (wire_send(h->control, &m->hdr, fds, MSG_DONTWAIT) == 0 &&
	    wire_recv(h->control, &reply, got, &nfds, 0) > 0)
		learn(h, &reply, got, nfds);
}

static uint32_t request_bytes(uint16_t type)
{
	switch (type) {
#define X(name, number, request, reply, fds_min, fds_max, state) \
	case number:                                             \
		return sizeof(struct request);
		MSG_TABLE(X)
#undef X
	default:
		__builtin_trap();
	}
}

static void request(struct hostile *h)
{
	union msg_any m = {0};
	uint8_t head = byte(&h->in), kinds = byte(&h->in);
	uint16_t type = 1 + head % 9;
	m.hdr = (struct msg_hdr){.size = request_bytes(type), .type = type, .serial = ++h->serial};
	m.hello = type == MSG_HELLO ? (struct msg_hello){m.hdr, 1, 1, 0, 0, "fuzz"} : m.hello;
	m.area_add.kind = type == MSG_AREA_ADD ? MSG_AREA_MEMFD : m.area_add.kind;
	m.area_add.length = type == MSG_AREA_ADD ? AREA_BYTES : m.area_add.length;
	/* Areas, queues and flows come first in their requests. */
	if (type == MSG_AREA_DEL || type == MSG_QUEUE_OPEN)
		m.area_del.area_id = h->area;
	else if (type == MSG_QUEUE_CLOSE || type == MSG_FLOW_ADOPT || type == MSG_FLOW_HOST)
		m.queue_close.queue_id = h->queue;
	else if (type == MSG_FLOW_PAUSE || type == MSG_FLOW_CLOSE)
		m.flow_pause.flow_id = h->flow;
	if (type == MSG_FLOW_ADOPT)
		m.flow_adopt.flags = kinds % 8 == 3;
	for (int mutations = head >> 6; mutations > 0; mutations--) {
		uint8_t where = byte(&h->in);
		m.words[2 + where % 16] ^= (uint64_t)word(&h->in) << (where & 32);
	}
	int fds[MSG_FDS_MAX];
	m.hdr.nfds = type == MSG_AREA_ADD || type == MSG_FLOW_ADOPT ? 1 : kinds >> 6;
	for (uint32_t i = 0; i < m.hdr.nfds; i++)
		fds[i] = descriptor(h, kinds);
	exchange(h, &m, fds);
	wire_close(fds, m.hdr.nfds);
}

static void datagram(struct hostile *h)
{
	union msg_any m = {0}, reply;
	int got[MSG_FDS_MAX];
	uint32_t n = byte(&h->in) * 2u, nfds = 0;
	for (uint32_t i = 0; i < n; i++)
		((uint8_t *)&m)[i] = byte(&h->in);
	if (n > 0 && send(h->control, &m, n, MSG_DONTWAIT | MSG_NOSIGNAL) > 0 &&
	    wire_recv(h->control, &reply, got, &nfds, 0) > 0)
		wire_close(got, nfds);
}

static void ring(struct hostile *h)
{
	uint32_t where = word(&h->in), what = word(&h->in);
	if (!h->rq)
		return;
	__atomic_store_n((uint32_t *)(void *)(h->rq + where % h->rq_bytes / 4 * 4), what,
			 __ATOMIC_RELEASE);
	send(h->channel, "", 1, MSG_DONTWAIT | MSG_NOSIGNAL);
}

static void traffic(struct hostile *h)
{
	static const char payload[8192];
	uint8_t b = byte(&h->in);
	int sock = h->sockets[b % 8];
	struct linger reset = {.l_onoff = 1};
	if (b & 0x80 && h->listener.sin_port) {
		int fd = tcp_connect(h);
		if (fd >= 0)
			keep(h, fd);
	} else if (sock >= 0 && b & 0x40) {
		send(sock, payload, sizeof(payload), MSG_DONTWAIT | MSG_NOSIGNAL);
	} else if (sock >= 0) {
		if (b & 0x20)
			setsockopt(sock, SOL_SOCKET, SO_LINGER, &reset, sizeof(reset));
		close(sock);
		h->sockets[b % 8] = -1;
	}
}

static void channel_read(struct hostile *h)
{
	union msg_any m;
	int fds[MSG_FDS_MAX];
	uint32_t nfds = 0;
	if (h->channel < 0)
		return;
	if (byte(&h->in) & 0x80) {
		close(h->channel);
		h->channel = -1;
	} else if (wire_recv(h->channel, &m, fds, &nfds, MSG_DONTWAIT) > 0) {
		if (m.hdr.type == MSG_FLOW_OPENED)
			h->flow = m.flow_opened.flow_id;
		wire_close(fds, nfds);
	}
}

static void play(struct hostile *h)
{
	static void (*const operations[])(struct hostile *) = {
		request, request, request, request, datagram, ring, traffic, channel_read,
	};
	for (int i = 0; i < OPERATIONS_MOST && h->in.at < h->in.end; i++)
		operations[byte(&h->in) % 8](h);
}

static int descriptors(void)
{
	DIR *dir = opendir("/proc/self/fd");
	int n = 0;
	while (dir && readdir(dir))
		n++;
	if (dir)
		closedir(dir);
	return n;
}

static struct client *start(int sock, int ended)
{
	static struct limits limits = {
		.most = {[ACCOUNT_SESSIONS] = 4,
			 [ACCOUNT_QUEUES] = 3,
			 [ACCOUNT_FLOWS] = 16,
			 [ACCOUNT_BYTES] = 16u << 20},
		.requests_per_second = 1u << 30,
		.host_flows = true,
	};
	static struct client_identity who;
	struct client *c;
	if (!who.peer) {
		log_init(false);
		account_init(&limits);
		who.pid = getpid();
		who.pidfd = pidfd_open(who.pid, 0);
		who.peer = peer_get(getuid(), who.pidfd);
	}
	if (client_start(&c, sock, 1, &who, &limits, ended) < 0)
		__builtin_trap();
	return c;
}

static void stop(struct hostile *h)
{
	for (int i = 0; i < 8; i++)
		if (h->sockets[i] >= 0)
			close(h->sockets[i]);
	if (h->rq)
		munmap(h->rq, h->rq_bytes);
	if (h->channel >= 0)
		close(h->channel);
	close(h->control);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static int least;
	int pair[2], ended = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	struct timeval patience = {.tv_usec = 300000};
	if (ended < 0 || socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
		__builtin_trap();
	setsockopt(pair[1], SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
	struct hostile h = {.in = {data, data + size}, .control = pair[1], .channel = -1};
	memset(h.sockets, 0xff, sizeof(h.sockets));
	struct client *c = start(pair[0], ended);
	play(&h);
	stop(&h);
	struct pollfd wait = {.fd = ended, .events = POLLIN};
	if (poll(&wait, 1, PATIENCE_MS) != 1)
		__builtin_trap();
	client_free(c);
	close(ended);
	int now = descriptors();
	if (least && now > least + 4)
		__builtin_trap();
	least = least ? least : now;
	return 0;
}
