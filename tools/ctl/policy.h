/* SPDX-License-Identifier: MIT */
/* `zcrxctl policy`: what the classes of zcrxd.conf are now, and what a file would say. */
#ifndef CTL_POLICY_H
#define CTL_POLICY_H

/* argv[0] is the name of the command. Returns the exit status. */
int policy_main(int argc, char **argv);

#endif
