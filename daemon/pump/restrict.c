/* SPDX-License-Identifier: MIT */
#include "daemon/pump/restrict.h"

#include <errno.h>
#include <string.h>

#include "base/size.h"

#define SQE(op)                                                               \
	{                                                                     \
		.opcode = IORING_RESTRICTION_SQE_OP, .sqe_op = IORING_OP_##op \
	}
#define REGISTER(op)                                                                 \
	{                                                                            \
		.opcode = IORING_RESTRICTION_REGISTER_OP, .register_op = IORING_##op \
	}
#define FLAGS(flags)                                                                 \
	{                                                                            \
		.opcode = IORING_RESTRICTION_SQE_FLAGS_ALLOWED, .sqe_flags = (flags) \
	}

#define QUEUE_FLAGS (IOSQE_BUFFER_SELECT | IOSQE_CQE_SKIP_SUCCESS)
#define COMMON \
	REGISTER(REGISTER_ENABLE_RINGS), REGISTER(REGISTER_EVENTFD), REGISTER(REGISTER_SYNC_CANCEL)
#define BUFFERS                                                         \
	REGISTER(REGISTER_EVENTFD_ASYNC), REGISTER(REGISTER_PBUF_RING), \
		REGISTER(REGISTER_PBUF_STATUS)
/* The newest come last: a kernel that does not know one of them gets the list without it. */
#define ZCRX SQE(RECV_ZC), REGISTER(REGISTER_ZCRX_IFQ), REGISTER(REGISTER_ZCRX_CTRL)

static const struct io_uring_restriction ops[] = {SQE(ACCEPT), SQE(ASYNC_CANCEL), COMMON};
static const struct io_uring_restriction queue[] =
	{FLAGS(QUEUE_FLAGS), SQE(RECV), SQE(RECVMSG), SQE(ASYNC_CANCEL), COMMON, BUFFERS, ZCRX};
static const struct io_uring_restriction devmem[] =
	{FLAGS(QUEUE_FLAGS), SQE(RECVMSG), SQE(URING_CMD), SQE(ASYNC_CANCEL), COMMON, BUFFERS};
/* What any of these needs. */
static const struct io_uring_restriction any[] =
	{FLAGS(QUEUE_FLAGS), SQE(ACCEPT), SQE(RECV), SQE(RECVMSG), SQE(URING_CMD),
	 SQE(ASYNC_CANCEL),  COMMON,      BUFFERS,   ZCRX};

static const struct {
	const struct io_uring_restriction *list;
	unsigned n;
} lists[] = {
	[RESTRICT_OPS] = {ops, ARRAY_LENGTH(ops)},
	[RESTRICT_QUEUE] = {queue, ARRAY_LENGTH(queue)},
	[RESTRICT_DEVMEM] = {devmem, ARRAY_LENGTH(devmem)},
};

/* liburing's call wants a list that is not const, and the kernel copies it. */
#define LIST_MAX ARRAY_LENGTH(any)

static int restrict_to(int ring, const struct io_uring_restriction *what, unsigned n)
{
	struct io_uring_restriction list[LIST_MAX];
	int r;
	memcpy(list, what, n * sizeof(list[0]));
	do
		r = io_uring_register((unsigned)ring, IORING_REGISTER_RESTRICTIONS, list, n);
	while (r == -EINVAL && --n > 0);
	return r < 0 ? r : 0;
}

int restrict_ring(struct io_uring *ring, enum restrict_ring what)
{
	return restrict_to(ring->ring_fd, lists[what].list, lists[what].n);
}

int restrict_any(int ring)
{
	return restrict_to(ring, any, (unsigned)ARRAY_LENGTH(any));
}

int restrict_task(void)
{
	_Alignas(struct io_uring_task_restriction) char
		room[sizeof(struct io_uring_task_restriction) + sizeof(any)] = {0};
	struct io_uring_task_restriction *task = (void *)room;
	memcpy(room + sizeof(*task), any, sizeof(any));
	task->nr_res = (uint16_t)ARRAY_LENGTH(any);
	/* Every kernel with task restrictions knows all that is in the list. */
	int r = io_uring_register((unsigned)-1, IORING_REGISTER_RESTRICTIONS, task, 1);
	return r == -EINVAL || r == -EBADF ? -EOPNOTSUPP : r < 0 ? r : 0;
}
