/* SPDX-License-Identifier: MIT */
/* `zcrxctl status`: reads the daemon's status document and shows it, once or every second. */
#ifndef CTL_STATUS_H
#define CTL_STATUS_H

/* argv[0] is the name of the command. Returns the exit status. */
int status_main(int argc, char **argv);

/* The path of the daemon's status socket, unless an option says another. */
const char *status_socket(void);
/* Says why there is no document from this socket. Returns the exit status. */
int status_failed(const char *socket, int error);

#endif
