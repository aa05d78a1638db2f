/* SPDX-License-Identifier: MIT */
/* Dma-bufs that are made for clients: the handlers of UDMABUF and KEEP (serve.h). */
#ifndef ZCRXD_SERVE_DMABUF_H
#define ZCRXD_SERVE_DMABUF_H

struct pump;

/* The pump has ended: dma-bufs of which it has not said KEEP are kept, too, while anybody has them.
 */
void serve_dmabuf_end_all(struct pump *p);

#endif
