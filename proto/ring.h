/* SPDX-License-Identifier: MIT */
/*
 * The shared memory of a queue: the two pages beside the kernel's own rings, and the entries of the
 * rings.
 *
 * Every word has one writer. Indices are free-running u32. A side that is going to sleep
 * sets its word (wake or kick), executes a full barrier, looks for work once more, and sleeps. A
 * side that has published something executes a full barrier and then reads the other side's word.
 * Where the pages lie in the memfds, the reply to QUEUE_OPEN says.
 */
#ifndef ZCRX_PROTO_RING_H
#define ZCRX_PROTO_RING_H

#include <stdbool.h>
#include <stdint.h>

/* Written by the client, in the rq memfd. */
struct ring_client {
	_Alignas(64) uint32_t cq_head; /* completions consumed */
	_Alignas(64) uint32_t wake;    /* RING_WAKE_...: it sleeps; either side clears it */
	_Alignas(64) uint32_t side_head;
};

/* Written by the daemon, in the cq memfd; the client maps it read-only. */
struct ring_daemon {
	/*
	 * Not 0: the daemon waits for refills or for room in the CQ. A client that has published
	 * either sends one byte on the channel, once for each value of the word.
	 */
	_Alignas(64) uint32_t kick;
	uint32_t events;  /* event messages sent on the channel so far */
	uint32_t starved; /* 1: flows wait for refills */
	uint32_t futex;   /* 1: the daemon knows RING_WAKE_FUTEX */
	/* Counters since the queue was opened. */
	_Alignas(64) uint64_t bytes;
	uint64_t bytes_copied;
	uint64_t completions; /* completions with payload */
	uint64_t refills;     /* buffers that the client gave back */
	/* refills out of range, or of buffers that the client did not have */
	uint64_t refills_refused;
	uint64_t heads_refused; /* CQ heads beyond the tail or behind the head before */
	uint64_t starvations;
	uint64_t wakeups; /* wake-ups sent to the client */
	uint64_t enters;  /* io_uring_enter calls made for this queue */
	/*
	 * devmem: fragments that the kernel lent, that it took back, and that it did not know when
	 * they were given back
	 */
	uint64_t lent;
	uint64_t returned;
	uint64_t missed;
	uint64_t in_vain; /* turns that the client asked for and that found nothing to do */
};

/*
 * An entry of the completion ring in format 2: the kernel's struct io_uring_cqe and its struct
 * io_uring_zcrx_cqe. In format 1 an entry ends before `off`.
 */
struct ring_cqe {
	uint64_t user_data; /* the flow's id */
	int32_t res;        /* bytes of payload; an entry with 0 or less is no data */
	uint32_t flags;     /* RING_CQE_BUFFER: the upper half names a buffer or a slot */
	uint64_t off;       /* within the area (RING_CQE_OFFSET), or within the slot */
	uint64_t pad;
};

/* How a client that sleeps wants to be woken. */
#define RING_WAKE_BYTE  1 /* by a byte on the channel */
#define RING_WAKE_FUTEX 2 /* it waits on the word itself, futex(2) */

/* What a client's byte on the channel says. */
#define RING_KICK      0 /* the daemon waits for what was published */
#define RING_KICK_WAKE 1 /* the client wants a wake-up, whether there is news or not */

#define RING_CQE_FORMAT_1_BYTES 16u
#define RING_CQE_BUFFER         1u /* IORING_CQE_F_BUFFER */
#define RING_CQE_BUFFER_SHIFT   16 /* IORING_CQE_BUFFER_SHIFT */
/* Below IORING_ZCRX_AREA_SHIFT; above it lies the kernel's number of the area. */
#define RING_CQE_OFFSET ((1ull << 48) - 1)

/* Completions in the side buffer that a client can hold; a power of two. */
#define RING_SIDE_MAX 1024u

/* An entry of the refill ring; the kernel's struct io_uring_zcrx_rqe. */
struct ring_rqe {
	uint64_t off; /* any byte of the buffer, with area_token or-ed in */
	uint32_t len;
	uint32_t pad; /* 0 */
};

static inline uint32_t ring_load(const uint32_t *p)
{
	return __atomic_load_n(p, __ATOMIC_ACQUIRE);
}

static inline void ring_store(uint32_t *p, uint32_t v)
{
	__atomic_store_n(p, v, __ATOMIC_RELEASE);
}

static inline uint32_t ring_take(uint32_t *p)
{
	return __atomic_exchange_n(p, 0, __ATOMIC_SEQ_CST);
}

/* Stores `to` if the word is `from`; a full barrier. Returns whether it was. */
static inline bool ring_change(uint32_t *p, uint32_t from, uint32_t to)
{
	return __atomic_compare_exchange_n(p, &from, to, false, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST);
}

static inline void ring_barrier(void)
{
#ifdef __SANITIZE_THREAD__
	/* ThreadSanitizer knows no fences; an atomic exchange is a full barrier just as well. */
	uint32_t word = 0;
	(void)__atomic_exchange_n(&word, 1, __ATOMIC_SEQ_CST);
#else
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
#endif
}

#endif
