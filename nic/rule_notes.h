/* SPDX-License-Identifier: MIT */
/*
 * The notes of zcrxd's rules in a NIC's journal (journal.h). Each rule is noted before it is set,
 * and struck when it is gone: so the journal has every rule that a killed process may have left,
 * and restore.h deletes no others. A note is one write of one line. It is not synced: it outlives
 * the process, and a reboot resets the NIC and makes the journal void.
 */
#ifndef ZCRX_NIC_RULE_NOTES_H
#define ZCRX_NIC_RULE_NOTES_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "nic/rule.h"

struct rule_notes {
	int fd;      /* the journal */
	off_t start; /* where the first rule line starts */
	uint32_t n;  /* how many rule lines there are */
	uint32_t *free_lines;
	uint32_t n_free;
	uint32_t generation; /* how many journals were opened so far */
};

/* A note. It is void once another journal is opened. */
struct rule_note {
	uint32_t line, generation;
};

void rule_notes_init(struct rule_notes *notes);

/*
 * Opens the present journal in place of the one before. The rules in it must be gone from the NIC;
 * they are struck. Returns 0 or a negative errno.
 */
int rule_notes_open(struct rule_notes *notes, const char *dir, const char *nic);

/*
 * The same with rules in it that stay: take() is called with each of them, and its note. A rule for
 * which it returns false is struck.
 */
int rule_notes_resume(struct rule_notes *notes, const char *dir, const char *nic,
		      bool (*take)(void *data, const struct nic_rule *rule, struct rule_note note),
		      void *data);
void rule_notes_done(struct rule_notes *notes);

/* Notes a rule. Returns 0 or a negative errno. */
int rule_notes_add(struct rule_notes *notes, const struct nic_rule *rule, struct rule_note *ret);
void rule_notes_strike(struct rule_notes *notes, struct rule_note note);

#endif
