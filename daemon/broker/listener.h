/* SPDX-License-Identifier: MIT */
/* zcrxd's listening sockets: systemd's, or made here. */
#ifndef ZCRXD_LISTENER_H
#define ZCRXD_LISTENER_H

#include <sys/queue.h>
#include <systemd/sd-event.h>

#include "policy/config.h"

/* Of a class that has its own. */
struct class_socket {
	LIST_ENTRY(class_socket) link;
	char class[POLICY_NAME_BYTES];
	int fd;
	char *made;              /* path; NULL for systemd's */
	char *aside;             /* the file is here until that path is free, or NULL */
	bool replaced;           /* the file at the path is another class's */
	sd_event_source *source; /* whoever listens puts it here; it goes with the socket */
};

struct listeners {
	int clients;                 /* SOCK_SEQPACKET */
	int status;                  /* SOCK_STREAM */
	char *made[2];               /* paths to unlink in the end; NULL for systemd's */
	sd_event_source *sources[2]; /* whoever listens puts them here; they go with the sockets */
	LIST_HEAD(, class_socket) classes;
};

/*
 * Takes what systemd passed (FileDescriptorName=clients, status, and names of classes) and makes
 * the rest. A file gets its mode and group before it can be connected to. Prints what is wrong.
 * Returns 0 or a negative errno.
 */
int listeners_open(struct listeners *l, const struct config *config);
void listeners_close(struct listeners *l);

/*
 * Makes the classes' sockets that another configuration has more. Returns 0 or a negative errno,
 * then nothing is different. listeners_drop() removes those that it has not, and gives the others
 * their modes and groups; systemd's stay. A path that goes from one class to another has a socket
 * at every moment; who waits in the old one is hung up on, since it may not be of the new class.
 */
int listeners_add(struct listeners *l, const struct config *config);
void listeners_drop(struct listeners *l, const struct config *config);

#endif
