/* SPDX-License-Identifier: MIT */
/* Dma-bufs that are made for clients: the handlers of UDMABUF and KEEP (serve.h). */
#ifndef ZCRXD_SERVE_DMABUF_H
#define ZCRXD_SERVE_DMABUF_H

#include <stdbool.h>
#include <stdint.h>

struct pump;

/*
 * The pump releases the charges of *n of its areas. *n becomes less by those that go with dma-bufs,
 * which are kept while anybody has them. Returns false if a dma-buf is being made for one of them:
 * no pump releases that.
 */
bool serve_dmabuf_release(struct pump *p, uint64_t *n);

/* The pump has ended: dma-bufs of which it has not said KEEP are kept, too, while anybody has them.
 */
void serve_dmabuf_end_all(struct pump *p);

#endif
