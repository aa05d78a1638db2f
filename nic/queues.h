/* SPDX-License-Identifier: MIT */
/* Lists of receive queues as people write them: "2-5,7". */
#ifndef ZCRX_NIC_QUEUES_H
#define ZCRX_NIC_QUEUES_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

struct nic_queues {
	uint32_t *ids;
	uint32_t n;
};

/* Replaces what is there. Returns 0, -EINVAL for what is no such list, or -ENOMEM. */
int nic_queues_parse(struct nic_queues *q, const char *text);
bool nic_queues_have(const struct nic_queues *q, uint32_t id);
/* As nic_queues_parse() takes it. */
void nic_queues_print(const struct nic_queues *q, FILE *out);
void nic_queues_done(struct nic_queues *q);

#endif
