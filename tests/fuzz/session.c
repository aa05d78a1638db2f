// SPDX-License-Identifier: MIT
/*
 * A whole session with the copy backend, run by its client thread in this process, against a
 * client that keeps no rule. An input is a byte of limits, then operations with their arguments.
 *
 * Besides not crashing: each datagram is answered, and properly; the thread ends soon after its
 * client; then nothing is left: no descriptor, no mapping, nothing charged.
 */
#include <fcntl.h>
#include <liburing.h>
#include <stdarg.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "daemon/common/log.h"
#include "daemon/grant/account.h"
#include "daemon/grant/classes.h"
#include "daemon/grant/files.h"
#include "daemon/pump/client.h"
#include "tests/fuzz/hostile.h"
#include "tests/fuzz/left.h"
#include "tests/harness/fds.h"

/* What a client does next; make-corpus.py reads these names. */
enum op {
	OP_REQUEST,
	OP_RAW,
	OP_ANSWERS,
	OP_CONSUME,
	OP_WAKE,
	OP_KICK,
	OP_HEAD,
	OP_REFILL,
	OP_POKE,
	OP_PUNCH,
	OP_CHANNEL_READ,
	OP_CHANNEL_SEND,
	OP_CHANNEL_CLOSE,
	OP_PEER_SEND,
	OP_PEER_END,
	OP_CONNECT,
	OP_MEDDLE,
	OP_PAUSE,
	OP_STOP,
	OP_COUNT
};

enum {
	OPS_MAX = 64,
	CHUNK = 32768,
};

/* Stands in for daemon/common/log.c: lines are made, not shown. */
void log_init(bool verbose)
{
	(void)verbose;
}

bool log_shows(int priority)
{
	return priority >= 0;
}

void log_at_list(int priority, const char *format, va_list args)
{
	char line[512];
	(void)priority;
	vsnprintf(line, sizeof(line), format, args);
}

void log_at(int priority, const char *format, ...)
{
	va_list args;
	va_start(args, format);
	log_at_list(priority, format, args);
	va_end(args);
}

/* ---- operations ---- */

/* Any word of the refill memory. */
static void poke(struct input *in, struct view *v)
{
	uint32_t at = input_u16(in), value = input_u32(in);
	v->lied = true;
	memcpy(v->rq + at % (v->layout.rq_map_bytes / 4) * 4, &value, sizeof(value));
}

/* Any head, seen from the tail. */
static void head_jump(struct input *in, struct view *v)
{
	uint32_t tail = ring_load((void *)(v->cq + v->layout.cq_tail));
	v->lied = true;
	ring_store(&client_page(v)->cq_head, tail + input_u32(in));
	kick(v);
}

static void refill_some(struct input *in, struct view *v)
{
	uint32_t buffer = input_u8(in), n = input_u8(in);
	for (; n > 0; n--)
		refill(v, buffer++);
	kick(v);
}

static void wake_set(struct view *v)
{
	ring_store(&client_page(v)->wake, 1);
	ring_barrier();
}

static void channel_send(struct hostile *h, const struct view *v)
{
	union msg_any m = {0};
	int fd = fd_of_kind(h, input_u8(h->in), 1);
	size_t len = input_u8(h->in);
	input_bytes(h->in, &m, len);
	struct iovec iov = {.iov_base = &m, .iov_len = len};
	union {
		struct cmsghdr hdr;
		char room[CMSG_SPACE(sizeof(int))];
	} control = {.hdr = {CMSG_LEN(sizeof(int)), SOL_SOCKET, SCM_RIGHTS}};
	struct msghdr msg = {.msg_iov = &iov,
			     .msg_iovlen = 1,
			     .msg_control = &control,
			     .msg_controllen = sizeof(control)};
	memcpy(CMSG_DATA(&control.hdr), &fd, sizeof(fd));
	sendmsg(v->fds[2], &msg, MSG_DONTWAIT | MSG_NOSIGNAL);
}

static void channel_close(struct view *v)
{
	v->lied = true;
	if (v->fds[2] >= 0)
		close(v->fds[2]);
	v->fds[2] = -1;
}

static void on_view(struct hostile *h, enum op op)
{
	struct view *v = view_pick(h, input_u8(h->in));
	if (!v)
		return;
	switch ((int)op) {
	case OP_CONSUME:
		return consume(v);
	case OP_WAKE:
		return wake_set(v);
	case OP_KICK:
		return kick(v);
	case OP_HEAD:
		return head_jump(h->in, v);
	case OP_REFILL:
		return refill_some(h->in, v);
	case OP_POKE:
		return poke(h->in, v);
	case OP_CHANNEL_READ:
		return channel_drain(h, v);
	case OP_CHANNEL_SEND:
		return channel_send(h, v);
	case OP_CHANNEL_CLOSE:
		return channel_close(v);
	default:
		return;
	}
}

/* A page less, of an area or of a queue's refill memory. */
static void punch(struct hostile *h)
{
	uint8_t which = input_u8(h->in), page = input_u8(h->in);
	const struct view *v = view_pick(h, which >> 1);
	int fd = which & 1 && v ? v->fds[1] : (int)list_pick(&h->memory, which >> 1, UINT32_MAX);
	off_t bytes = sysconf(_SC_PAGESIZE);
	fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, page * bytes, bytes);
}

static void peer_send(struct hostile *h)
{
	static const char bytes[CHUNK];
	int peer = (int)list_pick(&h->peers, input_u8(h->in), UINT32_MAX);
	send(peer, bytes, input_u16(h->in) % CHUNK, MSG_DONTWAIT | MSG_NOSIGNAL);
}

static void peer_end(struct hostile *h)
{
	int peer = (int)list_pick(&h->peers, input_u8(h->in), UINT32_MAX);
	if (input_u8(h->in) & 1)
		connect(peer, &(struct sockaddr){.sa_family = AF_UNSPEC}, sizeof(struct sockaddr));
	else
		shutdown(peer, SHUT_WR);
}

/* What must not be done with a socket after it was adopted. */
static void meddle(struct hostile *h)
{
	uint8_t which = input_u8(h->in), how = input_u8(h->in);
	const struct list *socks = which & 1 ? &h->listeners : &h->socks;
	int sock = (int)list_pick(socks, which >> 1, UINT32_MAX), on = 1;
	struct linger hour = {1, 3600};
	char bytes[64];
	switch (how % 7) {
	case 0:
		return peer_accept(h, sock);
	case 1:
		recv(sock, bytes, sizeof(bytes), MSG_DONTWAIT);
		return;
	case 2:
		shutdown(sock, how & 8 ? SHUT_RD : SHUT_RDWR);
		return;
	case 3:
		setsockopt(sock, SOL_SOCKET, SO_LINGER, &hour, sizeof(hour));
		return;
	case 4:
		fcntl(sock, F_SETFL, how & 8 ? O_NONBLOCK : 0);
		return;
	case 5:
		connect(sock, &(struct sockaddr){.sa_family = AF_UNSPEC}, sizeof(struct sockaddr));
		return;
	default:
		setsockopt(sock, SOL_SOCKET, SO_OOBINLINE, &on, sizeof(on));
		listen(sock, 1);
	}
}

static void connect_some(struct hostile *h)
{
	int listener = (int)list_pick(&h->listeners, input_u8(h->in), UINT32_MAX);
	for (int n = input_u8(h->in) % 16; n >= 0 && listener >= 0; n--)
		peer_connect(h, listener);
}

/* Lets the daemon do what it has to. */
static void pause_for(struct hostile *h)
{
	usleep(input_u8(h->in) * 4);
	peer_accept_host(h);
}

static void step(struct hostile *h, struct client *c, enum op op)
{
	switch (op) {
	case OP_REQUEST:
		return request(h);
	case OP_RAW:
		return raw(h);
	case OP_ANSWERS:
		return answers(h);
	case OP_PUNCH:
		return punch(h);
	case OP_PEER_SEND:
		return peer_send(h);
	case OP_PEER_END:
		return peer_end(h);
	case OP_CONNECT:
		return connect_some(h);
	case OP_MEDDLE:
		return meddle(h);
	case OP_PAUSE:
		return pause_for(h);
	case OP_STOP:
		h->over = true;
		return client_stop(c, "The fuzzer ends it.");
	case OP_CONSUME:
	case OP_WAKE:
	case OP_KICK:
	case OP_HEAD:
	case OP_REFILL:
	case OP_POKE:
	case OP_CHANNEL_READ:
	case OP_CHANNEL_SEND:
	case OP_CHANNEL_CLOSE:
	case OP_COUNT:
		return on_view(h, op);
	}
}

/* ---- one session ---- */

struct run {
	struct hostile hostile;
	struct client *client;
	struct client_identity who;
	int ended; /* eventfd: the client's thread has ended */
};

/* The first byte of an input. */
enum {
	BITS_HOST = 1,
	BITS_FLOWS = 2,
	BITS_QUEUES = 4,
	BITS_BYTES = 8,
	BITS_MEMORY_FIRST = 16,
	BITS_LEAVE = 32, /* the client goes without waiting for answers */
};

/* Generous, or so that they are met. Requests are never held up: that takes a second. */
static struct limits limits_of(uint8_t bits)
{
	return (struct limits){
		.most = {[ACCOUNT_SESSIONS] = 1,
			 [ACCOUNT_QUEUES] = bits & BITS_QUEUES ? 1 : 8,
			 [ACCOUNT_AREAS] = bits & BITS_QUEUES ? 2 : 16,
			 [ACCOUNT_BYTES] = bits & BITS_BYTES ? 128u << 10 : 16u << 20,
			 [ACCOUNT_FLOWS] = bits & BITS_FLOWS ? 2 : 64,
			 [ACCOUNT_LISTENERS] = bits & BITS_FLOWS ? 1 : 16},
		.requests_per_second = UINT32_MAX,
		.most_users = 1,
	};
}

static void policy_of(uint8_t bits)
{
	struct policy policy;
	MUST(policy_init(&policy) == 0);
	policy.classes->limits = limits_of(bits);
	policy.classes->host = bits & BITS_HOST ? POLICY_HOST_YES : POLICY_HOST_NO;
	MUST(classes_set(&policy) == 0);
}

static void run_start(struct run *r, struct input *in, const struct limits *limits)
{
	int pair[2];
	MUST(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) == 0);
	*r = (struct run){.hostile = {.in = in, .control = pair[0], .again = pair[0]}};
	r->ended = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	r->who =
		(struct client_identity){.pid = getpid(), .uid = getuid(), .class = POLICY_DEFAULT};
	MUST(r->ended >= 0);
	MUST(user_get(&r->who.user, POLICY_DEFAULT, limits, r->who.uid, 1, NULL) == 0);
	MUST(client_start(&r->client, pair[1], 1, &r->who, r->ended, NULL) == 0);
}

static void steps(struct run *r)
{
	struct input *in = r->hostile.in;
	for (int n = 0; n < OPS_MAX && in->left > 0; n++)
		step(&r->hostile, r->client, input_u8(in) % OP_COUNT);
}

/* The client goes: its sockets at once, what else it holds before or after the session ends. */
static void run_end(struct run *r, bool memory_first)
{
	struct hostile *h = &r->hostile;
	close(h->control);
	fds_close(h);
	if (memory_first)
		views_drop(h);
	owed_wait(r->ended);
	client_free(r->client);
	if (!memory_first)
		views_drop(h);
	close(r->ended);
}

/* Everything charged was given back: all there is can be charged. */
static void nothing_charged(struct user *user, const struct limits *limits)
{
	for (enum account_kind kind = 0; kind < ACCOUNT_KINDS; kind++) {
		uint64_t most = account_most(limits, kind);
		MUST(files_account(user, kind, most, NULL) == 0);
		account_release(user, kind, most);
	}
	user_put(user);
}

static void prepare(void)
{
	static bool prepared;
	struct io_uring ring;
	if (prepared)
		return;
	prepared = true;
	int r = io_uring_queue_init(2, &ring, 0);
	if (r < 0) {
		printf("skip: no io_uring here: %s\n", strerror(-r));
		fflush(stdout);
		_exit(77);
	}
	io_uring_queue_exit(&ring);
	fds_prepare();
	int due[2];
	MUST(files_init(due) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct input in = {data, size};
	prepare();
	uint8_t bits = input_u8(&in);
	struct limits limits = limits_of(bits);
	int files = fds_open();
	struct run r;
	policy_of(bits);
	run_start(&r, &in, &limits);
	steps(&r);
	if (!(bits & BITS_LEAVE))
		answers(&r.hostile);
	run_end(&r, bits & BITS_MEMORY_FIRST);
	nothing_charged(r.who.user, &limits);
	classes_done();
	left_unmapped();
	MUST(fds_open() == files);
	return 0;
}
