/* SPDX-License-Identifier: MIT */
/*
 * From facts to findings. Pure: no system call, nothing but the facts decides. Only judge() is for
 * the outside.
 */
#ifndef ZCRX_DOCTOR_JUDGE_H
#define ZCRX_DOCTOR_JUDGE_H

#include "tools/doctor/facts.h"
#include "tools/doctor/report.h"

#include <stddef.h>

/* Returns 0, or -ENOMEM with nothing to free. */
int judge(const struct facts *facts, struct diagnosis *ret);

/* Is there anything that holds the queue? */
bool queue_is_busy(const struct queue_facts *q);

void judge_machine(const struct machine_facts *m, struct report *r);
void judge_nic(const struct machine_facts *m, const struct nic_facts *nic,
	       const struct report *machine, struct report *r);
/* The settings of a NIC that decide whether and how a queue of it can be leased. */
void judge_settings(const struct machine_facts *m, const struct nic_facts *nic, struct report *r);

/* Rules and RSS contexts that are not zcrxd's: what they keep from a leased queue, or lead there.
 */
void judge_steering(const struct nic_facts *nic, struct report *r);

/* What decides whether a NIC is ready, beside its FIX findings. */
struct tally {
	unsigned lacks;      /* things it needs and cannot have */
	unsigned free, busy; /* queues that can be leased, that somebody holds */
	unsigned reached;    /* that others' packets are led to */
};

/* The findings about queues; sets free and busy. */
void judge_queues(const struct machine_facts *m, const struct nic_facts *nic, struct report *r,
		  struct tally *t);

/* Which kinds of zero copy the machine can do at all. */
bool machine_can_zcrx(const struct machine_facts *m);
bool machine_can_devmem(const struct machine_facts *m);

/* Wording shared by the judges. */
#define TEXT_SIZE 64
const char *size_text(char buf[TEXT_SIZE], uint64_t bytes);
const char *error_text(int err);
/* Appends to a string; what does not fit is cut off. */
__attribute__((format(printf, 3, 4))) void text_add(char *buf, size_t size, const char *format,
						    ...);

#endif
