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
 * If dma-bufs of the user's are being closed, or were since kept_closed() returned `before`, which
 * was before the request was judged: returns true, and calls `then` with the same message when they
 * are closed, unless the pump has ended.
 */
bool closing_await(struct pump *p, const union link_any *m, uint64_t before,
		   void (*then)(struct pump *p, const union link_any *m));

#endif
