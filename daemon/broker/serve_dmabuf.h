/* SPDX-License-Identifier: MIT */
/* Dma-bufs that are made for clients: the handlers of UDMABUF and KEEP (serve.h). */
#ifndef ZCRXD_SERVE_DMABUF_H
#define ZCRXD_SERVE_DMABUF_H

struct pump;

/* The pump has ended: what it has not said KEEP of is kept, too, while its client has it. */
void serve_dmabuf_end_all(struct pump *p);

#endif
