/* SPDX-License-Identifier: MIT */
/*
 * The report: what a client's threads tell the status of themselves. It lies in a file of memory so
 * that another process can read it, and reading it takes no lock of the client's.
 *
 *   struct report_memory   a page of its own: version, counts, what the client calls itself
 *   queues, texts, flows   arrays with room for the most there can be
 *
 * Only the pages that were written cost memory: one for a client that has nothing yet.
 *
 * Each record has one writer. The facts of a record change seldom, and together: they stand between
 * two increments of its sequence number, which is odd meanwhile. The other words of a record change
 * all the time, each for itself: they are written as base/counter.h does. A record without an id is
 * free, and its other words mean nothing.
 *
 * daemon/broker/snapshot.c reads it, and believes nothing that stands in it.
 */
#ifndef ZCRXD_REPORT_H
#define ZCRXD_REPORT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "proto/flow_id.h"
#include "proto/msg.h"
#include "proto/ring.h"

#define REPORT_VERSION    1u
#define REPORT_QUEUES_MAX 4096u /* of a client */
#define REPORT_FLOWS_MAX  FLOW_ID_INDICES
#define REPORT_TEXTS_MAX  64u /* sentences; the flows of a client have a handful */
#define REPORT_RXQS_MAX   16u
#define REPORT_PAGE_BYTES 4096u

/* daemon/pump/model.h says what they mean. */
enum flow_state {
	FLOW_OPENING,
	FLOW_IDLE,
	FLOW_ARMED,
	FLOW_ENDED,
	FLOW_DEAD
};

struct report_client_facts {
	char name[32];    /* what the client calls itself */
	char sandbox[64]; /* the layers of the pump's */
};

struct report_queue_facts {
	uint32_t id;      /* 0: the record is free */
	uint32_t backend; /* enum msg_backend */
	char why_not[MSG_TEXT_BYTES];
	uint32_t ifindex, n_rxqs; /* no hardware queues: 0 */
	uint32_t rxqs[REPORT_RXQS_MAX];
	uint64_t area_bytes;
	uint32_t buffer_bytes, cq_entries;
	uint32_t copies_untold; /* 1: the kernel does not tell what it copied */
};

struct report_flow_facts {
	uint32_t id;       /* 0: the record is free; else its index is the record's */
	uint32_t queue;    /* index of the queue's record, */
	uint32_t queue_id; /* ... and its id */
	uint32_t listener; /* 1: it listens */
	struct msg_addr local, remote;
};

/* A struct as words, which are read and written atomically. */
#define REPORT_WORDS(type) (sizeof(type) / sizeof(uint32_t))

struct report_queue {
	_Alignas(64) uint32_t seq;
	uint32_t facts[REPORT_WORDS(struct report_queue_facts)];
	struct ring_daemon counters; /* of these, what the status tells */
};

struct report_flow {
	_Alignas(32) uint32_t seq;
	uint32_t facts[REPORT_WORDS(struct report_flow_facts)];
	uint32_t state; /* enum flow_state */
	uint32_t paused;
	uint32_t why_copied; /* 0, or 1 and up: which of the texts */
	uint64_t bytes, bytes_copied;
};

struct report_text {
	uint32_t words[REPORT_WORDS(char[MSG_TEXT_BYTES])];
};

struct report_memory {
	uint32_t version;
	uint32_t changes;                    /* of facts, so far */
	uint32_t n_queues, n_flows, n_texts; /* records that may be in use begin each array */
	uint32_t seq;
	uint32_t facts[REPORT_WORDS(struct report_client_facts)];
	uint32_t restarts; /* of the broker, which the pump has outlived */
	_Alignas(REPORT_PAGE_BYTES) struct report_queue queues[REPORT_QUEUES_MAX];
	_Alignas(REPORT_PAGE_BYTES) struct report_text texts[REPORT_TEXTS_MAX];
	_Alignas(REPORT_PAGE_BYTES) struct report_flow flows[REPORT_FLOWS_MAX];
};

/* The memory, for whoever writes it or reads it in this process; with references. */
struct report;

/* An empty one. Returns 0 or a negative errno. */
int report_new(struct report **ret);

/* The same in two steps: a file, or a negative errno; and the report in it, which borrows the file.
 */
int report_file(void);
int report_open(struct report **ret, int file, bool writes);
struct report *report_ref(struct report *r);
/* Returns NULL, and NULL is fine. */
struct report *report_put(struct report *r);

const struct report_memory *report_memory(const struct report *r);

/* ---- for the writer ---- */

void report_client(struct report *r, const struct report_client_facts *facts);

/* One more. By the thread that reads the link. */
void report_restart(struct report *r);

/* A free record for a queue, or NULL: there are REPORT_QUEUES_MAX. Facts make it the caller's. */
struct report_queue *report_queue_free(struct report *r);
/* Facts without an id free it. */
void report_queue_set(struct report *r, struct report_queue *q,
		      const struct report_queue_facts *facts);
uint32_t report_queue_index(const struct report *r, const struct report_queue *q);

/* The counters that the status tells, into a record or out of it. */
void report_count(struct ring_daemon *to, const struct ring_daemon *from);

/*
 * The record, blank, of a flow that the status does not tell of yet, by the flow's index. Any
 * thread of the client's.
 */
struct report_flow *report_flow_free(struct report *r, uint32_t index);
/* Facts without an id hide it. */
void report_flow_set(struct report *r, struct report_flow *f,
		     const struct report_flow_facts *facts);

/*
 * The number of a text for a flow's why_copied; 0 for NULL. A text stays for as long as the report:
 * give it constants only. Any thread of the client's.
 */
uint32_t report_text(struct report *r, const char *text);

/* ---- for the reader: one try each ---- */

/* Begins with a record; false if it is being written. */
static inline bool report_read_begin(const uint32_t *seq, uint32_t *ret_seq)
{
	*ret_seq = __atomic_load_n(seq, __ATOMIC_ACQUIRE);
	return *ret_seq % 2 == 0;
}

/* Words that stay in the order of their reading, before report_read_end(). */
void report_read_words(void *ret, const uint32_t *words, size_t bytes);

static inline uint32_t report_read_32(const uint32_t *word)
{
	return __atomic_load_n(word, __ATOMIC_ACQUIRE);
}

static inline uint64_t report_read_64(const uint64_t *word)
{
	return __atomic_load_n(word, __ATOMIC_ACQUIRE);
}

/* True if nobody wrote facts since: what was read belongs together. */
static inline bool report_read_end(const uint32_t *seq, uint32_t before)
{
	return __atomic_load_n(seq, __ATOMIC_RELAXED) == before;
}

#endif
