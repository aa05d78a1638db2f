/* SPDX-License-Identifier: MIT */
/* zcrxd's listening sockets: systemd's, or made here. */
#ifndef ZCRXD_LISTENER_H
#define ZCRXD_LISTENER_H

#include <systemd/sd-event.h>

#include "daemon/broker/class_socket.h"
#include "policy/config.h"

struct listeners {
	int clients;                 /* SOCK_SEQPACKET */
	int status;                  /* SOCK_STREAM */
	char *made[2];               /* paths to unlink in the end; NULL for systemd's */
	sd_event_source *sources[2]; /* whoever listens puts them here; they go with the sockets */
	struct class_sockets classes;
};

/*
 * Takes what systemd passed (FileDescriptorName=clients, status, and names of classes) and makes
 * the rest. A file gets its mode and group before it can be connected to. `from` says where the
 * paths of the clients' socket and of the status socket were chosen. Prints what is wrong. Returns
 * 0 or a negative errno.
 */
int listeners_open(struct listeners *l, const struct config *config, const char *const from[2]);
void listeners_close(struct listeners *l);

#endif
