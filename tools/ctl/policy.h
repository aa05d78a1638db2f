/* SPDX-License-Identifier: MIT */
/* `zcrxctl policy`: shows the classes that zcrxd has now, and tests what a file would allow. */
#ifndef CTL_POLICY_H
#define CTL_POLICY_H

/* argv[0] is the name of the command. Returns the exit status. */
int policy_main(int argc, char **argv);

#endif
