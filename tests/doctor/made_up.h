/* SPDX-License-Identifier: MIT */
/*
 * Made-up facts for the judge: a machine and a NIC on which everything is as it should be. A test
 * spoils one thing and looks at what is said about it.
 */
#ifndef TEST_DOCTOR_MADE_UP_H
#define TEST_DOCTOR_MADE_UP_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tools/doctor/facts.h"
#include "tools/doctor/judge.h"

#define MADE_UP_QUEUES 16

struct made_up {
	struct facts facts;
	struct machine_facts *machine;
	struct nic_facts *nic;
	struct diagnosis diagnosis;
};

/* cmocka's fixture: *state becomes a struct made_up with one ideal mlx5 NIC, eth0. */
int made_up_setup(void **state);
int made_up_teardown(void **state);

/* Judges, and checks what holds for every diagnosis. */
void made_up_judge(struct made_up *m);

/* The first finding about a subject, of the machine or of the NIC; NULL if nothing is said. */
const struct finding *about_machine(const struct made_up *m, const char *subject);
const struct finding *about_nic(const struct made_up *m, const char *subject);
/* The finding of the NIC with that subject and value. */
const struct finding *about_queues(const struct made_up *m, const char *value);

void assert_verdict(const struct finding *f, enum verdict verdict);
void assert_contains(const char *text, const char *part);

#endif
