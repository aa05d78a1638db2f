/* SPDX-License-Identifier: MIT */
/*
 * Judges facts: makes findings of them by a pure function, without a system call. Only judge() is
 * for other modules.
 */
#ifndef ZCRX_DOCTOR_JUDGE_H
#define ZCRX_DOCTOR_JUDGE_H

#include "tools/doctor/facts.h"
#include "tools/doctor/report.h"

#include <stddef.h>

/* Makes the diagnosis. Returns 0, or -ENOMEM with nothing to free. */
int judge(const struct facts *facts, struct diagnosis *ret);

/* Does anything hold the queue? */
bool queue_is_busy(const struct queue_facts *q);

void judge_machine(const struct machine_facts *m, struct report *r);
void judge_uring(const struct uring_facts *u, struct report *r);
void judge_limits(const struct limit_facts *l, struct report *r);
/* Judges what zcrxd needs for its other two programs. */
void judge_pumps(const struct machine_facts *m, struct report *r);
void judge_nic(const struct machine_facts *m, const struct nic_facts *nic,
	       const struct report *machine, struct report *r);
/*
 * Judges whether the NIC's driver, then its settings, let queues of it be leased at all, whatever
 * the rest of the machine.
 */
void judge_abilities(const struct machine_facts *m, const struct nic_facts *nic, struct report *r);
/* Judges the settings of a NIC that decide whether and how a queue of it can be leased. */
void judge_settings(const struct machine_facts *m, const struct nic_facts *nic, struct report *r);

/*
 * Judges rules and RSS contexts that are not zcrxd's: which packets they keep from a leased queue,
 * and which they lead there.
 */
void judge_steering(const struct nic_facts *nic, struct report *r);

/* What decides whether a NIC is ready, besides its FIX findings. */
struct tally {
	unsigned lacks;      /* how many things it needs and cannot have */
	unsigned free, busy; /* how many queues can be leased, and how many somebody holds */
	unsigned reached;    /* how many queues others' packets are led to */
};

/* Judges the queues. Sets free, busy and reached. */
void judge_queues(const struct machine_facts *m, const struct nic_facts *nic, struct report *r,
		  struct tally *t);

/* Can zcrxd take a ring from a pump, to register a queue on it? */
bool machine_gives_rings(const struct machine_facts *m);
/* Can the machine do zero copy into dma-bufs at all? */
bool machine_can_devmem(const struct machine_facts *m);

/* Wording that the judges share. */
#define TEXT_SIZE 64
const char *size_text(char buf[TEXT_SIZE], uint64_t bytes);
const char *error_text(int err);
/* Appends to a string, and cuts what does not fit. */
__attribute__((format(printf, 3, 4))) void text_add(char *buf, size_t size, const char *format,
						    ...);

#endif
