/* SPDX-License-Identifier: MIT */
/* `zcrxctl cdi`: tells container runtimes how to give zcrxd's socket to a container. */
#ifndef CTL_CDI_H
#define CTL_CDI_H

/* argv[0] is the name of the command. Returns the exit status. */
int cdi_main(int argc, char **argv);

#endif
