/* SPDX-License-Identifier: MIT */
/*
 * What a NIC was like before it was changed, and that as text: a JSON object in the first line, in
 * each of the others an ntuple rule that was set or is about to be (rule_line.h). Nothing in the
 * text is believed (fields.h).
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
	struct nic_queues queues; /* ours */
	struct nic_rule *rules;   /* ours, and to these */
	uint32_t n_rules;
};

/* Without rules, which are added where it is kept. The caller frees it. NULL without memory. */
char *nic_before_print(const struct nic_before *b);

/*
 * The name is the file's and not in the text; it stays. Returns 0, -EBADMSG with a sentence in why,
 * or -ENOMEM.
 */
int nic_before_parse(struct nic_before *ret, const char *text, size_t bytes,
		     char why[FIELDS_WHY_BYTES]);

void nic_before_done(struct nic_before *b);

#endif
