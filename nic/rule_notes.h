/* SPDX-License-Identifier: MIT */
/*
 * The rules in a NIC's journal (journal.h). Each is noted before it is set and struck when it is
 * gone: what a process that was killed may have left on the NIC is all there, and put back
 * (restore.h) deletes nothing else.
 *
 * A note is one write of one line. It is not synced: it outlives the process, and a reboot resets
 * the NIC, after which the journal does not hold anyway.
 */
#ifndef ZCRX_NIC_RULE_NOTES_H
#define ZCRX_NIC_RULE_NOTES_H

#include <stdint.h>
#include <sys/types.h>

#include "nic/rule.h"

struct rule_notes {
	int fd;      /* of the journal */
	off_t start; /* of its first line of a rule */
	uint32_t n;  /* lines */
	uint32_t *free_lines;
	uint32_t n_free;
	uint32_t generation; /* how often it was opened */
};

/* One of them; notes of a journal that is no more are none. */
struct rule_note {
	uint32_t line, generation;
};

void rule_notes_init(struct rule_notes *notes);

/*
 * Of the journal that there is now, instead of what there was before. Its rules are to be gone from
 * the NIC, and are forgotten. Returns 0 or a negative errno.
 */
int rule_notes_open(struct rule_notes *notes, const char *dir, const char *nic);
void rule_notes_done(struct rule_notes *notes);

/* Returns 0 or a negative errno. */
int rule_notes_add(struct rule_notes *notes, const struct nic_rule *rule, struct rule_note *ret);
void rule_notes_strike(struct rule_notes *notes, struct rule_note note);

#endif
