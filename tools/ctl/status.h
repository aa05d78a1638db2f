/* SPDX-License-Identifier: MIT */
/* `zcrxctl status`: reads the daemon's status document and shows it, once or every second. */
#ifndef CTL_STATUS_H
#define CTL_STATUS_H

/* argv[0] is the name of the command. Returns the exit status. */
int status_main(int argc, char **argv);

#endif
