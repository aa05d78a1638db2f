/* SPDX-License-Identifier: MIT */
#include "daemon/backend/tokens.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>

int tokens_init(struct tokens *t, uint64_t area_bytes, uint32_t niov_bytes, uint32_t max)
{
	*t = (struct tokens){.niovs = (uint32_t)(area_bytes / niov_bytes),
			     .niov_shift = (uint32_t)__builtin_ctz(niov_bytes)};
	TAILQ_INIT(&t->due);
	t->of_niov = malloc(t->niovs * sizeof(*t->of_niov));
	t->all = malloc(max * sizeof(*t->all));
	if (!t->of_niov || !t->all) {
		tokens_done(t);
		return -ENOMEM;
	}
	for (uint32_t i = 0; i < t->niovs; i++)
		t->of_niov[i] = TOKENS_NONE;
	for (uint32_t i = 0; i < max; i++)
		t->all[i].next = i + 1 < max ? i + 1 : TOKENS_NONE;
	t->n_free = max;
	return 0;
}

void tokens_done(struct tokens *t)
{
	free(t->of_niov);
	free(t->all);
	*t = (struct tokens){0};
}

static void record_new(struct tokens *t, struct tokens_stream *s, uint32_t token, uint32_t *list)
{
	uint32_t i = t->free;
	struct token *r = &t->all[i];
	t->free = r->next;
	t->n_free--;
	t->n_out++;
	*r = (struct token){.stream = s, .token = token, .next = *list};
	*list = i;
}

void tokens_lend(struct tokens *t, struct tokens_stream *s, uint64_t off, uint32_t token)
{
	record_new(t, s, token, &t->of_niov[off >> t->niov_shift]);
	s->lent++;
}

static void count_due(struct tokens *t, struct tokens_stream *s)
{
	if (s->n_due++ == 0)
		TAILQ_INSERT_TAIL(&t->due, s, link);
	t->n_due++;
}

void tokens_reject(struct tokens *t, struct tokens_stream *s, uint32_t token)
{
	record_new(t, s, token, &s->due);
	count_due(t, s);
}

/* Moves the first token of a niov to the due tokens of its stream. */
static struct tokens_stream *fall_due(struct tokens *t, uint32_t *niov)
{
	uint32_t i = *niov;
	struct token *r = &t->all[i];
	struct tokens_stream *s = r->stream;
	*niov = r->next;
	r->next = s->due;
	s->due = i;
	s->lent--;
	count_due(t, s);
	return s;
}

struct tokens_stream *tokens_refill(struct tokens *t, uint64_t off)
{
	uint64_t niov = off >> t->niov_shift;
	if (niov >= t->niovs || t->of_niov[niov] == TOKENS_NONE)
		return NULL;
	return fall_due(t, &t->of_niov[niov]);
}

void tokens_recall(struct tokens *t)
{
	for (uint32_t niov = 0; niov < t->niovs; niov++)
		while (t->of_niov[niov] != TOKENS_NONE)
			fall_due(t, &t->of_niov[niov]);
}

static bool range_grow(struct tokens_range *r, uint32_t number)
{
	bool below = number + 1 == r->start, above = number == r->start + r->count;
	r->start -= below;
	r->count += below || above;
	return below || above;
}

static void due_pop(struct tokens *t, struct tokens_stream *s)
{
	uint32_t i = s->due;
	s->due = t->all[i].next;
	s->n_due--;
	t->n_due--;
	t->all[i].next = t->free;
	t->free = i;
	t->n_free++;
	t->n_out--;
}

uint32_t tokens_take(struct tokens *t, struct tokens_stream *s, uint32_t max,
		     struct tokens_range ranges[TOKENS_RANGES_MAX], uint32_t *ret_count)
{
	uint32_t n_ranges = 0, n = 0;
	if (max > TOKENS_BATCH_MAX)
		max = TOKENS_BATCH_MAX;
	for (; s->n_due > 0 && n < max; n++, due_pop(t, s)) {
		uint32_t number = t->all[s->due].token;
		if (n_ranges > 0 && range_grow(&ranges[n_ranges - 1], number))
			continue;
		if (n_ranges == TOKENS_RANGES_MAX)
			break;
		ranges[n_ranges++] = (struct tokens_range){number, 1};
	}
	if (n > 0)
		TAILQ_REMOVE(&t->due, s, link);
	if (n > 0 && s->n_due > 0)
		TAILQ_INSERT_TAIL(&t->due, s, link);
	*ret_count = n;
	return n_ranges;
}
