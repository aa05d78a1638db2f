/* SPDX-License-Identifier: MIT */
/*
 * What the doctor says: findings about the machine and about each NIC. Written by the judge, read
 * by the renderers.
 *
 * Invariant: every finding has a text; every FIX, NO and hint also has an action.
 */
#ifndef ZCRX_DOCTOR_REPORT_H
#define ZCRX_DOCTOR_REPORT_H

#include <net/if.h>
#include <stdbool.h>

enum verdict {
	VERDICT_OK,    /* nothing to do */
	VERDICT_FIX,   /* zero copy (or zcrxd) waits for the user to do something */
	VERDICT_NO,    /* cannot be had here */
	VERDICT_HINT,  /* works; would be better with */
	VERDICT_NOTE,  /* good to know */
	VERDICT_LATER, /* zcrxd does it when a queue is leased */
};

/* How much works; also the exit status. */
enum level {
	LEVEL_READY = 0,
	LEVEL_COPY = 1,
	LEVEL_BROKEN = 2,
};

struct finding {
	const char *subject; /* a stable name: "kernel", "header split", ... */
	enum verdict verdict;
	char value[64];   /* the fact, short; may be empty */
	char text[256];   /* what it means */
	char action[256]; /* what to do; empty: nothing */
};

struct report {
	char name[IF_NAMESIZE]; /* of the NIC; empty for the machine */
	struct finding *findings;
	unsigned n;
	enum level level;
	char summary[256];
	bool no_memory;
};

/* All of it: the machine and its NICs. */
struct diagnosis {
	char release[65];
	struct report machine;
	struct report *nics;
	unsigned n_nics;
	enum level level;
};

/* Appends a finding; its action is empty until report_action is called for it. */
__attribute__((format(printf, 5, 6))) void report_add(struct report *report, const char *subject,
						      const char *value, enum verdict verdict,
						      const char *text, ...);
__attribute__((format(printf, 2, 3))) void report_action(struct report *report, const char *action,
							 ...);
/* The level sinks, never rises. */
void report_limit(struct report *report, enum level level);
unsigned report_count(const struct report *report, enum verdict verdict);

const char *verdict_name(enum verdict verdict);
const char *level_name(enum level level);

void diagnosis_done(struct diagnosis *d);

#endif
