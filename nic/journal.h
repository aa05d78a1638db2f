/* SPDX-License-Identifier: MIT */
/*
 * What NICs were like before they were changed: a JSON file for each, nic-NAME.json in the state
 * folder, from before the first change until it is as it was again.
 */
#ifndef ZCRX_NIC_JOURNAL_H
#define ZCRX_NIC_JOURNAL_H

#include <net/if.h>
#include <stdbool.h>
#include <stdint.h>

#include "queues.h"

struct nic_before {
	char name[IF_NAMESIZE];
	int32_t split;      /* enum nic_split */
	uint32_t threshold; /* UINT32_MAX: the driver has none */
	bool ntuple;
	uint32_t *rss; /* NULL: the driver's default */
	uint32_t rss_entries;
	struct nic_queues queues; /* ours: rules that steer to them are ours, too */
};

/* All return 0 or a negative errno; -ENOENT: there is no such file, -EBADMSG: it makes no sense. */
int journal_write(const char *dir, const struct nic_before *b);
int journal_read(const char *dir, const char *nic, struct nic_before *ret);
int journal_remove(const char *dir, const char *nic);

/* Calls found with the name of each NIC there is a file of. */
void journal_list(const char *dir, void (*found)(void *arg, const char *nic), void *arg);

void nic_before_done(struct nic_before *b);

#endif
