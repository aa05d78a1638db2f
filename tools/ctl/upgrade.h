/* SPDX-License-Identifier: MIT */
#ifndef CTL_UPGRADE_H
#define CTL_UPGRADE_H

/* zcrxctl upgrade. Returns the exit status. */
int upgrade_main(int argc, char **argv);

#endif
