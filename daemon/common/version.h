/* SPDX-License-Identifier: MIT */
#ifndef ZCRXD_VERSION_H
#define ZCRXD_VERSION_H

/* Of this program, which a test gives another one. */
extern const char zcrxd_version[];

#endif
