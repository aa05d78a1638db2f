/* SPDX-License-Identifier: MIT */
/* The daemon's listening sockets: systemd's, or made here. */
#ifndef ZCRXD_LISTENER_H
#define ZCRXD_LISTENER_H

#include "config.h"

struct listeners {
	int clients;   /* SOCK_SEQPACKET */
	int status;    /* SOCK_STREAM */
	char *made[2]; /* paths to unlink in the end; NULL for systemd's */
};

/*
 * Takes what systemd passed (FileDescriptorName=clients and status) and makes the rest. A file gets
 * its mode and group before it can be connected to. Prints what is wrong. Returns 0 or a negative
 * errno.
 */
int listeners_open(struct listeners *l, const struct config *config);
void listeners_close(struct listeners *l);

#endif
