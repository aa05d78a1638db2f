/* SPDX-License-Identifier: MIT */
/*
 * The ledger of a devmem queue: what the kernel lent to which stream. A *token* stands for one
 * fragment of a stream. It lies in one niov, a page of the dma-buf, which the kernel fills again
 * when all tokens of that niov are back. Each token goes back on the socket that it came by.
 *
 *   lent ---client refills any byte of the niov---> due ---taken for a call---> gone
 *
 * Each refill makes one token of the niov due; a refill of a niov that has no token lent is
 * refused. Pure; memory is allocated at the beginning only.
 */
#ifndef ZCRXD_TOKENS_H
#define ZCRXD_TOKENS_H

#include <stdint.h>
#include <sys/queue.h>

#define TOKENS_NONE UINT32_MAX

/* A niov has a number of 32 bits, and at least 4096 bytes. */
#define TOKENS_AREA_BYTES_MAX (4096ull << 31)

/* What the ledger keeps of one stream. It begins zeroed, but for due = TOKENS_NONE. */
struct tokens_stream {
	TAILQ_ENTRY(tokens_stream) link; /* in tokens.due while any token is due */
	uint32_t lent;                   /* tokens that the client has */
	uint32_t due;                    /* the first due token, or TOKENS_NONE */
	uint32_t n_due;
};

struct token {
	struct tokens_stream *stream;
	uint32_t token; /* its number, the kernel's */
	uint32_t next;  /* the next one of the same niov, of the same stream's due ones, or free */
};

TAILQ_HEAD(tokens_streams, tokens_stream);

struct tokens {
	struct tokens_streams due;  /* streams with due tokens; the first was served longest ago */
	uint32_t niovs, niov_shift; /* how many niovs there are; log2 of their bytes */
	uint32_t free, n_free;      /* the first free token; how many are free */
	uint32_t n_due;             /* due tokens of all streams */
	uint32_t n_out;             /* tokens that are lent or due */
	uint32_t *of_niov;          /* the first lent token of each niov, or TOKENS_NONE */
	struct token *all;
};

/* niov_bytes: a power of two. max: tokens that can be out at a time. Returns 0 or -ENOMEM. */
int tokens_init(struct tokens *t, uint64_t area_bytes, uint32_t niov_bytes, uint32_t max);
void tokens_done(struct tokens *t);

/* A fragment at this offset of the area goes to the client. n_free must not be 0. */
void tokens_lend(struct tokens *t, struct tokens_stream *s, uint64_t off, uint32_t token);

/* A fragment does not go to the client, so its token is due at once. n_free must not be 0. */
void tokens_reject(struct tokens *t, struct tokens_stream *s, uint32_t token);

/*
 * The client refills this byte of the area. Returns the stream whose token is due now, or NULL if
 * the niov has no token lent.
 */
struct tokens_stream *tokens_refill(struct tokens *t, uint64_t off);

/* All tokens that are lent become due, whether the client has refilled them or not. */
void tokens_recall(struct tokens *t);

/* A run of consecutive numbers: the kernel's struct dmabuf_token. */
struct tokens_range {
	uint32_t start;
	uint32_t count;
};

/* What the kernel takes in one call at most. */
#define TOKENS_RANGES_MAX 128u
#define TOKENS_BATCH_MAX  1024u /* tokens in all ranges together */

/*
 * Takes due tokens of the stream, at most `max` and TOKENS_BATCH_MAX. Tokens that follow upon each
 * other upwards or downwards become one range, since clients mostly give back in such an order.
 * Sorting is not worth it, since a call gives back TOKENS_RANGES_MAX tokens in any order. Returns
 * the number of ranges; *ret_count is that of the tokens.
 */
uint32_t tokens_take(struct tokens *t, struct tokens_stream *s, uint32_t max,
		     struct tokens_range ranges[TOKENS_RANGES_MAX], uint32_t *ret_count);

#endif
