/* SPDX-License-Identifier: MIT */
/*
 * What a NIC was like before zcrxd changed it, on disk before the first change is made, so that it
 * can be put back whatever happens in between: one JSON file for each NIC, nic-NAME.json, in the
 * state folder. It is gone when the NIC is as it was.
 */
#ifndef ZCRXD_JOURNAL_H
#define ZCRXD_JOURNAL_H

#include <net/if.h>
#include <stdbool.h>
#include <stdint.h>

struct nic_before {
	char name[IF_NAMESIZE];
	int32_t split;      /* enum nic_split */
	uint32_t threshold; /* UINT32_MAX: the driver has none */
	bool ntuple;
	uint32_t *rss; /* NULL: the driver's default */
	uint32_t rss_entries;
	uint32_t *queues; /* ours: rules that steer to them are ours, too */
	uint32_t n_queues;
};

/* Returns 0 or a negative errno. */
int journal_write(const char *dir, const struct nic_before *b);
void journal_remove(const char *dir, const char *nic);

/* Calls found for each file that is there; a file that cannot be read is told of and left alone. */
void journal_read(const char *dir, void (*found)(const struct nic_before *b));

void nic_before_done(struct nic_before *b);

#endif
