/* SPDX-License-Identifier: MIT */
/*
 * The listening sockets of classes that have their own: systemd's, or made here. As the
 * configuration changes they come and go. A path that goes from one class to another has a socket
 * at every moment; who waits in the old one is hung up on, since it may not be of the new class.
 */
#ifndef ZCRXD_CLASS_SOCKET_H
#define ZCRXD_CLASS_SOCKET_H

#include <stdbool.h>
#include <sys/queue.h>
#include <systemd/sd-event.h>

#include "policy/config.h"

struct class_socket {
	LIST_ENTRY(class_socket) link;
	char class[POLICY_NAME_BYTES];
	int fd;
	char *made;              /* path; NULL for systemd's */
	char *aside;             /* the file is here until that path is free, or NULL */
	bool replaced;           /* the file at the path is another class's */
	sd_event_source *source; /* whoever listens puts it here; it goes with the socket */
};

LIST_HEAD(class_sockets, class_socket);

/* Has a class of this name a socket? */
bool class_sockets_has(const struct class_sockets *all, const char *class);

/*
 * Takes over a socket that was passed to this program, and the path at which zcrxd made it; "" if
 * systemd did. No class need have this name: then whoever connects there is refused. Returns 0 or
 * -ENOMEM.
 */
int class_sockets_take(struct class_sockets *all, int fd, const char *name, const char *made);

/*
 * Makes the sockets that this configuration has more. A file gets its mode and group before it can
 * be connected to. reserved: two paths that no class gets, or NULLs. Prints what is wrong. Returns
 * 0 or a negative errno, then nothing is different.
 */
int class_sockets_add(struct class_sockets *all, char *const reserved[2],
		      const struct config *config);

/*
 * To be called after class_sockets_add(): removes the sockets that the configuration has not, and
 * gives the others their modes and groups. systemd's stay, and the log says which are of no class.
 */
void class_sockets_drop(struct class_sockets *all, const struct config *config);

void class_sockets_close(struct class_sockets *all);

#endif
