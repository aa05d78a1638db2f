/* SPDX-License-Identifier: MIT */
/* What a pump asks for and may take long, as a job (pump.h). */
#ifndef ZCRXD_SERVE_SLOW_H
#define ZCRXD_SERVE_SLOW_H

#include "daemon/broker/pump.h"

/*
 * Has a slow message (link_is_slow()), which link_check() has found well-formed, served on a thread
 * of its own. To be called on the control thread.
 */
void serve_slow(struct pump *p, const union link_any *m);

#endif
