/* SPDX-License-Identifier: MIT */
#include "daemon/backend/streams.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/size.h"

static int make_room(struct streams *all, uint32_t index)
{
	if (index < all->n)
		return 0;
	uint32_t n = round_up_pow2(index + 1);
	struct stream **by_index = reallocarray(all->by_index, n, sizeof(struct stream *));
	if (!by_index)
		return -ENOMEM;
	memset(by_index + all->n, 0, (n - all->n) * sizeof(struct stream *));
	all->by_index = by_index;
	all->n = n;
	return 0;
}

int streams_add(struct streams *all, struct stream **ret, int sock, uint32_t id)
{
	if (make_room(all, flow_id_index(id)) < 0)
		return -ENOMEM;
	struct stream *s = calloc(1, sizeof(*s));
	if (!s)
		return -ENOMEM;
	s->back = (struct giveback_stream){.stream = {.sock = sock, .id = id},
					   .tokens.due = TOKENS_NONE};
	all->by_index[flow_id_index(id)] = s;
	*ret = s;
	return 0;
}

void streams_remove(struct streams *all, struct stream *s)
{
	all->by_index[flow_id_index(s->back.stream.id)] = NULL;
	free(s);
}

void streams_done(struct streams *all)
{
	free(all->by_index);
	*all = (struct streams){0};
}
