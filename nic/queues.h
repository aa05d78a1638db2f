/* SPDX-License-Identifier: MIT */
/* Lists of receive queues, which people write as "2-5,7". */
#ifndef ZCRX_NIC_QUEUES_H
#define ZCRX_NIC_QUEUES_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#define NIC_QUEUES_MAX 16384u /* all ids are below it; more than any driver has */

struct nic_queues {
	uint32_t *ids;
	uint32_t n;
};

/*
 * Parses a list and puts it in place of *q, in ascending order. Returns 0, or -EINVAL if it is no
 * such list or -ENOMEM, and then *q is not changed.
 */
int nic_queues_parse(struct nic_queues *q, const char *text);
bool nic_queues_have(const struct nic_queues *q, uint32_t id);
/* Sets ret_has[id] for each queue of the list, to look up many ids. */
void nic_queues_mark(const struct nic_queues *q, bool ret_has[NIC_QUEUES_MAX]);
/* Prints the list as nic_queues_parse() takes it. */
void nic_queues_print(const struct nic_queues *q, FILE *out);
/* Adds the queues of `more`, and sorts the ids. Returns 0 or -ENOMEM. */
int nic_queues_add(struct nic_queues *q, const struct nic_queues *more);

void nic_queues_done(struct nic_queues *q);

#endif
