/* SPDX-License-Identifier: MIT */
/* What is known of drivers that can do zero copy, as of Linux DRIVERS_AS_OF. */
#ifndef ZCRX_NIC_DRIVERS_H
#define ZCRX_NIC_DRIVERS_H

#include <stdbool.h>

#define DRIVERS_AS_OF   "7.2"
#define DRIVERS_CAPABLE "bnxt_en, mlx5_core, fbnic or gve"

struct driver {
	const char *name;
	bool provider;           /* the driver takes memory providers on receive queues */
	bool split_needs_gro_hw; /* header split works only with rx-gro-hw on */
	const char *large;       /* since when it has large receive buffers, in words; or NULL */
	const char *disturbance; /* what a lease does to the other queues; NULL: nothing known */
	const char *remark;      /* more to know, or NULL */
};

/* Finds a driver by its name. Returns NULL if the table does not have it. */
const struct driver *driver_find(const char *name);

#endif
