/* SPDX-License-Identifier: MIT */
/*
 * The ledger of a devmem queue: what the kernel lent to whom. A *token* is one fragment of one
 * stream's, in one niov (a page of the dma-buf, as large as the machine's) that the kernel fills
 * again when all of its tokens are back. Tokens belong to sockets: each is given back on the stream
 * it came by.
 *
 *   lent ---client refills any byte of the niov---> due ---taken for a call---> gone
 *
 * Whatever the client refills, it gets no more back than the niov has tokens out. Pure; memory is
 * allocated at the beginning only.
 */
#ifndef ZCRXD_TOKENS_H
#define ZCRXD_TOKENS_H

#include <stdint.h>
#include <sys/queue.h>

#define TOKENS_NONE UINT32_MAX

/* A niov, which is 4096 bytes at least, has a number of 32 bits. */
#define TOKENS_AREA_BYTES_MAX (4096ull << 31)

/* A stream's part. Zeroed but for due = TOKENS_NONE. */
struct tokens_stream {
	TAILQ_ENTRY(tokens_stream) link; /* if anything is due */
	uint32_t lent;                   /* with the client */
	uint32_t due;                    /* first of those to be given back */
	uint32_t n_due;
};

struct token {
	struct tokens_stream *stream;
	uint32_t token; /* the kernel's number of it */
	uint32_t next;  /* of the niov, of the stream's due ones, or free */
};

TAILQ_HEAD(tokens_streams, tokens_stream);

struct tokens {
	struct tokens_streams due; /* those with something due, served longest ago first */
	uint32_t niovs, niov_shift;
	uint32_t free, n_free;
	uint32_t n_due; /* of all streams */
	uint32_t n_out; /* lent or due */
	uint32_t most;
	uint32_t *of_niov;
	struct token *all;
};

/*
 * For an area of so many bytes, in niovs of so many (a power of two), and at most so many tokens
 * out at a time. 0 or -ENOMEM.
 */
int tokens_init(struct tokens *t, uint64_t area_bytes, uint32_t niov_bytes, uint32_t most);
void tokens_done(struct tokens *t);

/* A fragment at this offset of the area goes to the client. There has to be a free one. */
void tokens_lend(struct tokens *t, struct tokens_stream *s, uint64_t off, uint32_t token);

/* One that does not go to the client is due at once. There has to be a free one. */
void tokens_reject(struct tokens *t, struct tokens_stream *s, uint32_t token);

/* The client refills that byte. Returns the stream whose token is due now, or NULL if none is out.
 */
struct tokens_stream *tokens_refill(struct tokens *t, uint64_t off);

/* All that are out become due, refilled or not. */
void tokens_recall(struct tokens *t);

/* A run of consecutive tokens; the kernel's struct dmabuf_token. */
struct tokens_range {
	uint32_t start;
	uint32_t count;
};

#define TOKENS_RANGES_MAX 128u  /* that the kernel takes in one call, and */
#define TOKENS_BATCH_MAX  1024u /* fragments */

/*
 * Takes at most `most` (and TOKENS_BATCH_MAX) of the stream's due tokens, those that follow upon
 * each other either way as one range: that is how clients give back. It is not worth sorting for
 * others, whose calls take no less than TOKENS_RANGES_MAX. Returns the number of ranges;
 * *ret_count is that of the tokens.
 */
uint32_t tokens_take(struct tokens *t, struct tokens_stream *s, uint32_t most,
		     struct tokens_range ranges[TOKENS_RANGES_MAX], uint32_t *ret_count);

#endif
