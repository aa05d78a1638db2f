/* SPDX-License-Identifier: MIT */
#include "tokens.h"

#include <errno.h>
#include <stdlib.h>

int tokens_init(struct tokens *t, uint64_t area_bytes, uint32_t most)
{
	*t = (struct tokens){.niovs = (uint32_t)(area_bytes >> TOKENS_NIOV_SHIFT), .most = most};
	t->of_niov = malloc(t->niovs * sizeof(*t->of_niov));
	t->all = malloc(most * sizeof(*t->all));
	if (!t->of_niov || !t->all) {
		tokens_done(t);
		return -ENOMEM;
	}
	for (uint32_t i = 0; i < t->niovs; i++)
		t->of_niov[i] = TOKENS_NONE;
	for (uint32_t i = 0; i < most; i++)
		t->all[i].next = i + 1 < most ? i + 1 : TOKENS_NONE;
	t->n_free = most;
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
	record_new(t, s, token, &t->of_niov[off >> TOKENS_NIOV_SHIFT]);
	s->lent++;
}

void tokens_reject(struct tokens *t, struct tokens_stream *s, uint32_t token)
{
	record_new(t, s, token, &s->due);
	s->n_due++;
	t->n_due++;
}

/* Moves the first of a niov to its stream's due ones. */
static struct tokens_stream *fall_due(struct tokens *t, uint32_t *niov)
{
	uint32_t i = *niov;
	struct token *r = &t->all[i];
	struct tokens_stream *s = r->stream;
	*niov = r->next;
	r->next = s->due;
	s->due = i;
	s->lent--;
	s->n_due++;
	t->n_due++;
	return s;
}

struct tokens_stream *tokens_refill(struct tokens *t, uint64_t off)
{
	uint64_t niov = off >> TOKENS_NIOV_SHIFT;
	if (niov >= t->niovs || t->of_niov[niov] == TOKENS_NONE)
		return NULL;
	return fall_due(t, &t->of_niov[niov]);
}

void tokens_recall(struct tokens *t, struct tokens_stream *s)
{
	for (uint32_t niov = 0; niov < t->niovs && s->lent > 0; niov++)
		for (uint32_t *at = &t->of_niov[niov]; *at != TOKENS_NONE;)
			if (t->all[*at].stream == s)
				fall_due(t, at);
			else
				at = &t->all[*at].next;
}

static int by_number(const void *a, const void *b)
{
	const uint32_t *x = a, *y = b;
	return *x < *y ? -1 : *x > *y;
}

/* As many of the sorted numbers as the ranges hold; returns the ranges. */
static uint32_t coalesce(const uint32_t *numbers, uint32_t n,
			 struct tokens_range ranges[TOKENS_RANGES_MOST], uint32_t *ret_count)
{
	uint32_t n_ranges = 0, i = 0;
	for (; i < n; i++) {
		if (n_ranges > 0 && numbers[i] == numbers[i - 1] + 1)
			ranges[n_ranges - 1].count++;
		else if (n_ranges == TOKENS_RANGES_MOST)
			break;
		else
			ranges[n_ranges++] = (struct tokens_range){numbers[i], 1};
	}
	*ret_count = i;
	return n_ranges;
}

static uint32_t due_pop(struct tokens *t, struct tokens_stream *s)
{
	uint32_t i = s->due;
	s->due = t->all[i].next;
	s->n_due--;
	t->n_due--;
	t->all[i].next = t->free;
	t->free = i;
	t->n_free++;
	t->n_out--;
	return t->all[i].token;
}

uint32_t tokens_take(struct tokens *t, struct tokens_stream *s, uint32_t most,
		     struct tokens_range ranges[TOKENS_RANGES_MOST], uint32_t *ret_count)
{
	uint32_t numbers[TOKENS_BATCH_MOST], n = 0;
	while (s->n_due > 0 && n < most && n < TOKENS_BATCH_MOST)
		numbers[n++] = due_pop(t, s);
	qsort(numbers, n, sizeof(numbers[0]), by_number);
	uint32_t n_ranges = coalesce(numbers, n, ranges, ret_count);
	for (uint32_t i = *ret_count; i < n; i++)
		tokens_reject(t, s, numbers[i]);
	return n_ranges;
}
