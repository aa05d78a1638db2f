/* SPDX-License-Identifier: MIT */
/* Lists of receive queues as people write them: "2-5,7". */
#ifndef ZCRX_NIC_QUEUES_H
#define ZCRX_NIC_QUEUES_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#define NIC_QUEUES_MOST 16384u /* all ids are below: more than any driver has */

struct nic_queues {
	uint32_t *ids;
	uint32_t n;
};

/*
 * Replaces what is there, in ascending order. Returns 0, or with nothing changed -EINVAL for what
 * is no such list, or -ENOMEM.
 */
int nic_queues_parse(struct nic_queues *q, const char *text);
bool nic_queues_have(const struct nic_queues *q, uint32_t id);
/* Which there are in a parsed list: to be asked about many. */
void nic_queues_mark(const struct nic_queues *q, bool ret_has[NIC_QUEUES_MOST]);
/* As nic_queues_parse() takes it. */
void nic_queues_print(const struct nic_queues *q, FILE *out);
/* Adds what more has. The ids are then in ascending order. Returns 0 or -ENOMEM. */
int nic_queues_add(struct nic_queues *q, const struct nic_queues *more);

void nic_queues_done(struct nic_queues *q);

#endif
