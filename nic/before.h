/* SPDX-License-Identifier: MIT */
/*
 * The state of a NIC before zcrxd changed it, and its text form: a JSON object in the first line,
 * and in each further line an ntuple rule that zcrxd has set or is about to set (rule_line.h).
 * Every value in the text is checked (fields.h).
 */
#ifndef ZCRX_NIC_BEFORE_H
#define ZCRX_NIC_BEFORE_H

#include <net/if.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "nic/card.h"
#include "nic/fields.h"
#include "nic/queues.h"
#include "nic/rule_line.h"

#define BOOT_ID_BYTES 37

struct nic_before {
	char name[IF_NAMESIZE];
	struct nic_card card;
	char boot[BOOT_ID_BYTES]; /* the kernel's boot_id */
	int32_t split;            /* enum nic_split */
	uint32_t threshold;       /* UINT32_MAX: the driver has none */
	bool ntuple;
	uint32_t *rss; /* NULL: the driver's default */
	uint32_t rss_entries;
	struct nic_queues queues; /* the queues that are zcrxd's */
	struct nic_rule *rules;   /* zcrxd's rules, all of which lead to `queues` */
	uint32_t n_rules;
};

/*
 * Prints the state without its rules, which the journal adds. The caller frees the text. Returns
 * NULL without memory.
 */
char *nic_before_print(const struct nic_before *b);

/*
 * Reads the state from the text. ret->name is set by the caller, as the text does not have it.
 * Returns 0, -EBADMSG with a sentence in why, or -ENOMEM.
 */
int nic_before_parse(struct nic_before *ret, const char *text, size_t bytes,
		     char why[FIELDS_WHY_BYTES]);

void nic_before_done(struct nic_before *b);

#endif
