/* SPDX-License-Identifier: MIT */
/*
 * A rule as a line of text, all of the same length: so a journal (journal.h) can have one replaced
 * where it stands, by a single write that is within one page.
 */
#ifndef ZCRX_NIC_RULE_LINE_H
#define ZCRX_NIC_RULE_LINE_H

#include "nic/fields.h"
#include "nic/rule.h"

#define RULE_LINE_BYTES 256 /* with its end; divides a page */

/* Without a rule: the line of none. There is no NUL behind it. */
void rule_line_print(char line[RULE_LINE_BYTES], const struct nic_rule *rule);

/* Returns 0, -ENOENT for the line of none, or an error of fields_done(). */
int rule_line_parse(struct nic_rule *ret, const char line[RULE_LINE_BYTES],
		    char why[FIELDS_WHY_BYTES]);

#endif
