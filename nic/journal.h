/* SPDX-License-Identifier: MIT */
/*
 * The journal of a NIC: how it was before zcrxd changed it, and the rules that zcrxd has on it
 * (before.h). It is a file, nic-NAME.json in the state folder, which is there from before the first
 * change until the NIC is as it was. A name can pass to another card, and a reboot resets every
 * card: so the file says which card and which boot it is of, and the reader has to compare.
 */
#ifndef ZCRX_NIC_JOURNAL_H
#define ZCRX_NIC_JOURNAL_H

#include "nic/before.h"

#define JOURNAL_PATH_BYTES 512

/*
 * Writes the journal, with the rules, so that it survives a crash of the machine. Returns 0 or a
 * negative errno.
 */
int journal_write(const char *dir, const struct nic_before *b);

/*
 * Reads the journal. Returns 0, -ENOENT if there is none, -EBADMSG if it makes no sense, with a
 * sentence in why, or another negative errno.
 */
int journal_read(const char *dir, const char *nic, struct nic_before *ret,
		 char why[FIELDS_WHY_BYTES]);
/* Opens the journal to write rules into it (rule_notes.h). */
int journal_open(const char *dir, const char *nic, int *ret_fd);
int journal_remove(const char *dir, const char *nic);

/*
 * Renames a journal that is not to be used, for people to look at: to nic-NAME.json.1 or the next
 * free number up to 9. Returns 0 with the new path, or a negative errno.
 */
int journal_set_aside(const char *dir, const char *nic, char ret_path[JOURNAL_PATH_BYTES]);

/* Calls found with the name of each NIC that has a journal. */
void journal_list(const char *dir, void (*found)(void *arg, const char *nic), void *arg);

/* The id of the present boot. Returns 0 or a negative errno. */
int journal_boot(char ret[BOOT_ID_BYTES]);

#endif
