/* SPDX-License-Identifier: MIT */
/*
 * The status socket: whoever connects reads one JSON document until EOF (zcrxctl, nc -U, an
 * exporter).
 */
#ifndef ZCRXD_STATUS_H
#define ZCRXD_STATUS_H

struct broker;

/* Accepts a reader from the listening socket and serves it from the event loop. */
void status_accept(struct broker *b, int listener);

#endif
