/* SPDX-License-Identifier: MIT */
/*
 * A rule as a line of text. All lines have the same length, so that a journal (journal.h) can
 * replace one in place, by a single write within one page.
 */
#ifndef ZCRX_NIC_RULE_LINE_H
#define ZCRX_NIC_RULE_LINE_H

#include "nic/fields.h"
#include "nic/rule.h"

#define RULE_LINE_BYTES 256 /* with the line feed; it divides a page */

/* Prints a rule; with NULL, a line that says that there is none. No NUL follows the line. */
void rule_line_print(char line[RULE_LINE_BYTES], const struct nic_rule *rule);

/*
 * Parses a line. Returns 0, -ENOENT if it says that there is no rule, or an error of fields_done().
 */
int rule_line_parse(struct nic_rule *ret, const char line[RULE_LINE_BYTES],
		    char why[FIELDS_WHY_BYTES]);

#endif
