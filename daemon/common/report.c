/* SPDX-License-Identifier: MIT */
#include "daemon/common/report.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"
#include "daemon/common/memfd.h"
#include "proto/mapping.h"

static_assert(sizeof(struct report_client_facts) % sizeof(uint32_t) == 0, "it consists of words");
static_assert(sizeof(struct report_queue_facts) % sizeof(uint32_t) == 0, "it consists of words");
static_assert(sizeof(struct report_flow_facts) % sizeof(uint32_t) == 0, "it consists of words");
static_assert(offsetof(struct report_memory, queues) == REPORT_PAGE_BYTES, "its head has a page");

struct report {
	uint32_t references; /* atomic */
	struct report_memory *memory;
	pthread_mutex_t texts; /* among the client's threads */
};

/* Instead of a text for which there is no room. */
static const char no_room[] = "The status has no room for the reason.";

int report_file(void)
{
	_cleanup_(fd_closep) int fd = memfd_new("zcrxd-report");
	if (fd < 0)
		return fd;
	if (ftruncate(fd, sizeof(struct report_memory)) < 0 ||
	    fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL) < 0)
		return -errno;
	return fd_steal(&fd);
}

/* Another process may have made it: what could shrink would end whoever reads. */
static bool is_file(int fd)
{
	struct stat st;
	int seals = fcntl(fd, F_GET_SEALS);
	return seals >= 0 && seals & F_SEAL_SHRINK && fd_stat(fd, &st) == 0 &&
	       st.st_size == sizeof(struct report_memory);
}

int report_open(struct report **ret, int file, bool writes)
{
	void *map = NULL;
	if (!is_file(file))
		return -EINVAL;
	struct report *r = calloc(1, sizeof(*r));
	if (!r)
		return -ENOMEM;
	int e = mapping_new(&map, file, sizeof(*r->memory),
			    writes ? PROT_READ | PROT_WRITE : PROT_READ, MAP_NORESERVE);
	if (e < 0) {
		free(r);
		return e;
	}
	*r = (struct report){.references = 1, .memory = map};
	pthread_mutex_init(&r->texts, NULL);
	if (writes)
		__atomic_store_n(&r->memory->version, REPORT_VERSION, __ATOMIC_RELEASE);
	*ret = r;
	return 0;
}

int report_new(struct report **ret)
{
	_cleanup_(fd_closep) int fd = report_file();
	return fd < 0 ? fd : report_open(ret, fd, true);
}

struct report *report_ref(struct report *r)
{
	__atomic_add_fetch(&r->references, 1, __ATOMIC_RELAXED);
	return r;
}

struct report *report_put(struct report *r)
{
	if (!r || __atomic_sub_fetch(&r->references, 1, __ATOMIC_ACQ_REL) > 0)
		return NULL;
	mapping_free(r->memory, sizeof(*r->memory));
	pthread_mutex_destroy(&r->texts);
	free(r);
	return NULL;
}

const struct report_memory *report_memory(const struct report *r)
{
	return r->memory;
}

/*
 * A reader that finds a word of these finds what was written before it, too: first of all that the
 * sequence number is odd. So no fence is needed, of which ThreadSanitizer knows nothing.
 */
static void words_write(uint32_t *words, const void *from, size_t bytes)
{
	const char *at = from;
	uint32_t word;
	for (size_t i = 0; i < bytes / sizeof(word); i++) {
		memcpy(&word, at + i * sizeof(word), sizeof(word));
		__atomic_store_n(&words[i], word, __ATOMIC_RELEASE);
	}
}

void report_read_words(void *ret, const uint32_t *words, size_t bytes)
{
	char *at = ret;
	for (size_t i = 0; i < bytes / sizeof(uint32_t); i++) {
		uint32_t word = report_read_32(&words[i]);
		memcpy(at + i * sizeof(word), &word, sizeof(word));
	}
}

static void facts_set(struct report *r, uint32_t *seq, uint32_t *words, const void *facts,
		      size_t bytes)
{
	uint32_t even = *seq;
	__atomic_store_n(seq, even + 1, __ATOMIC_RELAXED);
	words_write(words, facts, bytes);
	__atomic_store_n(seq, even + 2, __ATOMIC_RELEASE);
	__atomic_add_fetch(&r->memory->changes, 1, __ATOMIC_RELEASE);
}

void report_client(struct report *r, const struct report_client_facts *facts)
{
	struct report_memory *m = r->memory;
	facts_set(r, &m->seq, m->facts, facts, sizeof(*facts));
}

void report_restart(struct report *r)
{
	__atomic_add_fetch(&r->memory->restarts, 1, __ATOMIC_RELEASE);
}

/* The records in use are among the first n. */
static void cover(uint32_t *n, uint32_t index)
{
	uint32_t covered = __atomic_load_n(n, __ATOMIC_RELAXED);
	while (index >= covered && !__atomic_compare_exchange_n(n, &covered, index + 1, true,
								__ATOMIC_RELEASE, __ATOMIC_RELAXED))
		;
}

struct report_queue *report_queue_free(struct report *r)
{
	struct report_memory *m = r->memory;
	for (uint32_t i = 0; i < m->n_queues; i++)
		if (m->queues[i].facts[0] == 0)
			return &m->queues[i];
	return m->n_queues < REPORT_QUEUES_MAX ? &m->queues[m->n_queues] : NULL;
}

uint32_t report_queue_index(const struct report *r, const struct report_queue *q)
{
	return (uint32_t)(q - r->memory->queues);
}

void report_queue_set(struct report *r, struct report_queue *q,
		      const struct report_queue_facts *facts)
{
	cover(&r->memory->n_queues, report_queue_index(r, q));
	facts_set(r, &q->seq, q->facts, facts, sizeof(*facts));
}

static void count_copy(uint64_t *to, const uint64_t *from)
{
	__atomic_store_n(to, report_read_64(from), __ATOMIC_RELEASE);
}

void report_count(struct ring_daemon *to, const struct ring_daemon *from)
{
	count_copy(&to->bytes, &from->bytes);
	count_copy(&to->bytes_copied, &from->bytes_copied);
	count_copy(&to->completions, &from->completions);
	count_copy(&to->refills, &from->refills);
	count_copy(&to->refills_refused, &from->refills_refused);
	count_copy(&to->heads_refused, &from->heads_refused);
	count_copy(&to->starvations, &from->starvations);
	count_copy(&to->wakeups, &from->wakeups);
	count_copy(&to->enters, &from->enters);
	count_copy(&to->lent, &from->lent);
	count_copy(&to->returned, &from->returned);
	count_copy(&to->missed, &from->missed);
	count_copy(&to->in_vain, &from->in_vain);
}

struct report_flow *report_flow_free(struct report *r, uint32_t index)
{
	struct report_flow *f = &r->memory->flows[index];
	cover(&r->memory->n_flows, index);
	/* Not before a reader can see that the flow that had the record is gone. */
	__atomic_store_n(&f->state, FLOW_OPENING, __ATOMIC_RELEASE);
	__atomic_store_n(&f->paused, 0, __ATOMIC_RELEASE);
	__atomic_store_n(&f->why_copied, 0, __ATOMIC_RELEASE);
	__atomic_store_n(&f->bytes, 0, __ATOMIC_RELEASE);
	__atomic_store_n(&f->bytes_copied, 0, __ATOMIC_RELEASE);
	return f;
}

void report_flow_set(struct report *r, struct report_flow *f, const struct report_flow_facts *facts)
{
	facts_set(r, &f->seq, f->facts, facts, sizeof(*facts));
}

/* Its number, or 0. */
static uint32_t text_find(const struct report_memory *m, const struct report_text *text)
{
	for (uint32_t i = 0; i < m->n_texts; i++)
		if (memcmp(&m->texts[i], text, sizeof(*text)) == 0)
			return i + 1;
	return 0;
}

static struct report_text text_pack(const char *text)
{
	struct report_text packed = {0};
	char room[sizeof(packed)] = "";
	snprintf(room, sizeof(room), "%s", text);
	memcpy(&packed, room, sizeof(packed));
	return packed;
}

static uint32_t text_add(struct report_memory *m, const char *text)
{
	struct report_text packed = text_pack(text);
	uint32_t number = text_find(m, &packed);
	if (number)
		return number;
	if (m->n_texts == REPORT_TEXTS_MAX)
		return REPORT_TEXTS_MAX;
	if (m->n_texts == REPORT_TEXTS_MAX - 1)
		packed = text_pack(no_room);
	words_write(m->texts[m->n_texts].words, &packed, sizeof(packed));
	number = m->n_texts + 1;
	__atomic_store_n(&m->n_texts, number, __ATOMIC_RELEASE);
	return number;
}

uint32_t report_text(struct report *r, const char *text)
{
	if (!text)
		return 0;
	pthread_mutex_lock(&r->texts);
	uint32_t number = text_add(r->memory, text);
	pthread_mutex_unlock(&r->texts);
	return number;
}
