/* SPDX-License-Identifier: MIT */
/*
 * The kernel's limits of a pump's process: how many descriptors it has, and how much it maps. Both
 * follow from what the class of its client admits, and from how many descriptors may be in flight
 * to all clients together, since the kernel lets nobody send one while more of his user's are in
 * flight than he may have open.
 *
 * They are the soft limits: the sandbox lets a pump change no limit, and the broker raises them
 * when a policy in force later admits more.
 */
#ifndef ZCRXD_BROKER_PUMP_LIMITS_H
#define ZCRXD_BROKER_PUMP_LIMITS_H

#include <sys/types.h>

struct limits;

/* Returns 0 or a negative errno. */
int pump_limits_set(pid_t pump, const struct limits *class);

#endif
