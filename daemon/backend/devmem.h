/* SPDX-License-Identifier: MIT */
/* What a measurement may change of the devmem backend. The rest of it is backend_devmem. */
#ifndef ZCRXD_DEVMEM_H
#define ZCRXD_DEVMEM_H

#include "daemon/backend/giveback.h"

/*
 * Queues that are opened from now on give tokens back so. To be called before the first thread
 * starts; the tuning is borrowed for ever.
 */
void devmem_tune(const struct giveback_tuning *tuning);

#endif
