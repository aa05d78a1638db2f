/* SPDX-License-Identifier: MIT */
/*
 * Requests that were refused while dma-bufs of their user's are being closed, of whose memory the
 * user has as much more when that is over: they are judged again then. Closing may take long, so it
 * is a job (pump.h). Only the control thread calls.
 */
#ifndef ZCRXD_CLOSING_H
#define ZCRXD_CLOSING_H

#include "daemon/broker/pump.h"

/*
 * If dma-bufs of the user's are being closed, calls `then` with the same message when they are
 * closed, unless the pump has ended, and returns SERVED_LATER. Otherwise returns the error `r`.
 */
int closing_await(struct pump *p, const union link_any *m, int r,
		  void (*then)(struct pump *p, const union link_any *m));

#endif
