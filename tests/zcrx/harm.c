/* SPDX-License-Identifier: MIT */
#include "tests/zcrx/harm.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "proto/ring.h"
#include "tests/kernel/die.h"

/* Words of the refill memory: the client's page, then the ring, which begins a page behind it. */
enum {
	PAGE_WORDS = 1024,
	CQ_HEAD = 0,
	SIDE_HEAD = 32,
	RQ_TAIL = PAGE_WORDS + 1,
	RQ_ENTRIES = PAGE_WORDS + 16,
	ENTRY_WORDS = 4
};

enum {
	BATCH = 64
};

struct culprit {
	struct zcrx_area *area;
	struct zcrx_queue *q;
	unsigned pause_us;
	uint32_t *words; /* of the refill memory */
	size_t n;
	const struct ring_daemon *daemon; /* the last page of the completion memory */
};

struct region {
	const char *from;
	size_t bytes;
};

/* The memory that this process shares with zcrxd and the kernel, found where it is mapped. */
static struct region shared(const char *name, const char *rights)
{
	char line[512];
	FILE *f = fopen("/proc/self/maps", "re");
	uintptr_t from = 0, to = 0;
	while (f && fgets(line, sizeof(line), f))
		if (strstr(line, name) && strstr(line, rights)) {
			char *rest;
			from = strtoul(line, &rest, 16);
			to = strtoul(rest + 1, NULL, 16);
		}
	if (f)
		fclose(f);
	return (struct region){(const char *)from, to - from};
}

static uint32_t refill_entries(const struct culprit *c)
{
	uint32_t most = (uint32_t)((c->n - RQ_ENTRIES) / ENTRY_WORDS);
	return 1u << (31 - __builtin_clz(most));
}

/* ---- behaviours ---- */

/* Takes everything, gives nothing back. */
static void hoard(const struct culprit *c)
{
	struct zcrx_completion got[BATCH];
	if (zcrx_reap(c->q, got, BATCH) == 0)
		zcrx_wait(c->q, 100);
}

/* Writes anything anywhere into the refill memory, all the time. */
static void scribble(const struct culprit *c)
{
	struct zcrx_completion got[BATCH];
	for (unsigned i = 0; i < 1000; i++) {
		/* The words that mean most, more often: indices lie at the beginning of a page. */
		size_t at = (size_t)random() % c->n;
		if (i % 4 == 0)
			at = at / PAGE_WORDS * PAGE_WORDS + (size_t)random() % 3 * 16;
		c->words[at] = (uint32_t)random() * 2 + (i & 1);
	}
	zcrx_reap(c->q, got, BATCH);
	usleep(c->pause_us);
}

/* Lets its indices, of completions read, of the side buffer and of refills, jump anywhere. */
static void jump(const struct culprit *c)
{
	static const unsigned indices[] = {CQ_HEAD, SIDE_HEAD, RQ_TAIL};
	static unsigned i;
	struct zcrx_completion got[BATCH];
	zcrx_reap(c->q, got, BATCH);
	c->words[indices[i++ % 3]] = (uint32_t)random() * 2;
	usleep(c->pause_us);
}

/* Gives back what is not out: at the edges, twice, what others have, what is nowhere. */
static void forge(const struct culprit *c)
{
	static uint64_t seen[8];
	static uint32_t tail;
	struct zcrx_completion got[BATCH];
	for (int i = 0, n = zcrx_reap(c->q, got, BATCH); i < n; i++)
		seen[i % 8] = got[i].off;
	const uint64_t area = zcrx_area_bytes(c->area);
	const uint64_t edges[] = {0,          area - 1,       area - 4096,   area,
				  area + 1,   1ull << 31,     1ull << 32,    (1ull << 48) - 1,
				  1ull << 48, UINT64_MAX - 1, UINT64_MAX / 2};
	for (uint32_t entries = refill_entries(c); random() % BATCH; tail++) {
		uint64_t off = (uint64_t)random() % area;
		if (random() % 2)
			off = seen[random() % 8];
		else if (random() % 4 == 0)
			off = edges[(size_t)random() % (sizeof(edges) / sizeof(edges[0]))];
		memcpy(c->words + RQ_ENTRIES + (size_t)(tail % entries) * ENTRY_WORDS, &off,
		       sizeof(off));
	}
	__atomic_store_n(&c->words[RQ_TAIL], tail, __ATOMIC_RELEASE);
	usleep(c->pause_us);
}

/* Closes each flow with its first data, which it keeps: the daemon owes the kernel its buffers. */
static void owe(const struct culprit *c)
{
	struct zcrx_completion got[BATCH];
	int n = zcrx_reap(c->q, got, BATCH);
	for (int i = 0; i < n; i++) {
		bool again = false;
		for (int j = 0; j < i; j++)
			again |= got[j].flow == got[i].flow;
		if (got[i].what == ZCRX_DATA && !again)
			zcrx_flow_close(got[i].flow, i % 2 ? ZCRX_CLOSE_ABORT : 0);
	}
	if (n == 0)
		zcrx_wait(c->q, 100);
}

/* Takes the pages away from under zcrxd and the kernel, which has pinned them. */
static void punch(const struct culprit *c)
{
	madvise(zcrx_area_data(c->area), zcrx_area_bytes(c->area), MADV_REMOVE);
	madvise(c->words, c->n * sizeof(uint32_t), MADV_REMOVE);
	forge(c);
}

/* Closes a flow whose end it never reads: the daemon waits for that, and asks for kicks. */
static void leave_a_dead_flow(const struct culprit *c)
{
	struct zcrx_completion got[BATCH];
	for (;;) {
		for (int i = 0, n = zcrx_reap(c->q, got, BATCH); i < n; i++)
			if (got[i].what == ZCRX_DATA)
				return zcrx_flow_close(got[i].flow, 0);
		zcrx_wait(c->q, 100);
	}
}

/* Has the daemon read a whole ring of refills that are none, again and again, and look for more. */
static void amplify(const struct culprit *c)
{
	static bool dead;
	static uint32_t kicked;
	if (!dead)
		leave_a_dead_flow(c);
	dead = true;
	ring_store(&c->words[RQ_TAIL], c->words[RQ_TAIL] + refill_entries(c));
	uint32_t kick = ring_load(&c->daemon->kick);
	if (kick && kick != kicked)
		send(zcrx_queue_fd(c->q), "", 1, MSG_DONTWAIT | MSG_NOSIGNAL);
	kicked = kick;
	usleep(c->pause_us);
}

static const struct behaviour {
	const char *name;
	void (*act)(const struct culprit *c);
} behaviours[] = {
	{"hoard", hoard}, {"scribble", scribble}, {"jump", jump},       {"forge", forge},
	{"owe", owe},     {"punch", punch},       {"amplify", amplify},
};

static const struct behaviour *find(const char *how)
{
	for (size_t i = 0; i < sizeof(behaviours) / sizeof(behaviours[0]); i++)
		if (strcmp(behaviours[i].name, how) == 0)
			return &behaviours[i];
	return NULL;
}

bool harm_is(const char *how)
{
	return find(how) || demand_is(how);
}

_Noreturn void harm(const char *how, const struct harmful *with)
{
	if (demand_is(how))
		demand(how, with);
	struct region rq = shared("zcrxd-rq", "rw-s"), cq = shared("zcrxd-cq", "r--s");
	if (rq.bytes <= RQ_ENTRIES * sizeof(uint32_t) || !cq.bytes)
		die("there is no refill memory");
	const struct culprit c = {.area = with->area,
				  .q = with->q,
				  .pause_us = with->pause_us,
				  .words = (uint32_t *)(uintptr_t)rq.from,
				  .n = rq.bytes / sizeof(uint32_t),
				  .daemon = (const void *)(cq.from + cq.bytes -
							   PAGE_WORDS * sizeof(uint32_t))};
	const struct behaviour *b = find(how);
	while (b)
		b->act(&c);
	die("%s: unknown", how);
}

/* ---- looking ---- */

/* The number of the stream that two successive words of one are of (harness_pattern), or 0. */
static uint64_t seed_of(const char *at)
{
	const uint64_t inverse = 0xf1de83e19937733d;
	uint64_t word[2];
	memcpy(word, at, sizeof(word));
	uint64_t index = word[0] * inverse;
	return word[1] * inverse == index + 1 && index >> 40 < 1000 ? index >> 40 : 0;
}

static uint64_t search(const char *name, struct region r, uint64_t seed)
{
	uint64_t found = 0;
	for (size_t i = 0; i + 16 <= r.bytes; i++) {
		uint64_t s = seed_of(r.from + i);
		if (s && s != seed)
			die("byte %zu of %s is of stream %ju", i, name, (uintmax_t)s);
		found += s != 0;
	}
	return found;
}

void harm_search(const struct zcrx_area *a, uint64_t seed)
{
	uint64_t found =
		search("the area", (struct region){zcrx_area_data(a), zcrx_area_bytes(a)}, seed);
	search("the completions", shared("zcrxd-cq", "r--s"), seed);
	search("the refills", shared("zcrxd-rq", "rw-s"), seed);
	found += search("the side buffer", shared("zcrxd-side", "r--s"), seed);
	if (found == 0)
		die("nothing of what was received is found");
}
