/* SPDX-License-Identifier: MIT */
/*
 * What NICs were like before they were changed, and the rules that zcrxd has on them: a file for
 * each, nic-NAME.json in the state folder, from before the first change until it is as it was
 * again. What is in it: before.h.
 *
 * A name can pass to another card, and a reboot resets all of them. So the file says of which card
 * it is, and of which boot; whoever reads it has to look.
 */
#ifndef ZCRX_NIC_JOURNAL_H
#define ZCRX_NIC_JOURNAL_H

#include "nic/before.h"

#define JOURNAL_PATH_BYTES 512

/* Returns 0 or a negative errno. What was written survives a crash of the machine, too. */
int journal_write(const char *dir, const struct nic_before *b);

/*
 * Returns 0, -ENOENT: there is no such file, -EBADMSG: it makes no sense, and why says what is
 * wrong, or another negative errno.
 */
int journal_read(const char *dir, const char *nic, struct nic_before *ret,
		 char why[FIELDS_WHY_BYTES]);
/* For its rules to be noted (rule_notes.h). */
int journal_open(const char *dir, const char *nic, int *ret_fd);
int journal_remove(const char *dir, const char *nic);

/*
 * Renames it, so that nothing but people looks at it any more: nic-NAME.json.1, or the next number
 * that is free, up to 9. Returns 0 with the new path, or a negative errno.
 */
int journal_set_aside(const char *dir, const char *nic, char ret_path[JOURNAL_PATH_BYTES]);

/* Calls found with the name of each NIC there is a file of. */
void journal_list(const char *dir, void (*found)(void *arg, const char *nic), void *arg);

/* The boot that is now. Returns 0 or a negative errno. */
int journal_boot(char ret[BOOT_ID_BYTES]);

#endif
