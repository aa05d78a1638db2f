/* SPDX-License-Identifier: MIT */
/* The streams of a devmem queue, found by their flows' ids. */
#ifndef ZCRXD_STREAMS_H
#define ZCRXD_STREAMS_H

#include <stdint.h>

#include "daemon/backend/giveback.h"
#include "proto/flow_id.h"

struct stream {
	struct giveback_stream back;
	int error; /* the stream ends with this negative errno; 0: it goes on */
};

/* Zeroed at the beginning. */
struct streams {
	struct stream **by_index; /* by the index in the flow's id; NULL where there is none */
	uint32_t n;               /* entries of by_index */
};

/* Adds a stream; its socket is borrowed. Returns 0 or -ENOMEM. */
int streams_add(struct streams *all, struct stream **ret, int sock, uint32_t id);

/* Takes the stream out and frees it. */
void streams_remove(struct streams *all, struct stream *s);

/* Frees the table, which holds no stream any more. */
void streams_done(struct streams *all);

/* Returns NULL if no stream has this id. */
static inline struct stream *streams_find(const struct streams *all, uint32_t id)
{
	uint32_t index = flow_id_index(id);
	struct stream *s = index < all->n ? all->by_index[index] : NULL;
	return s && s->back.stream.id == id ? s : NULL;
}

#endif
