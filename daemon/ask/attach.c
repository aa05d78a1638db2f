/* SPDX-License-Identifier: MIT */
#include "daemon/grant/attach.h"

#include <assert.h>
#include <stddef.h>
#include <stdio.h>

#include "daemon/ask/ask.h"
#include "daemon/ask/lease.h"

static_assert(ATTACH_WHY_BYTES == LINK_TEXT_BYTES, "a sentence has room");

static void why_copy(char why[ATTACH_WHY_BYTES], const char text[LINK_TEXT_BYTES])
{
	snprintf(why, ATTACH_WHY_BYTES, "%.*s", ATTACH_WHY_BYTES - 1, text);
}

int attach_zcrx(struct attach_zcrx *a)
{
	const int fds[] = {a->refills, a->area};
	union link_any m = {.as_ZCRX = {.lease = ask_lease_id(a->lease),
					.ring = a->ring,
					.rq_entries = a->rq_entries,
					.chunk_bytes = a->chunk_bytes,
					.rq_offset = a->refills_offset,
					.rq_bytes = a->refills_bytes,
					.area_bytes = a->area_bytes,
					.dmabuf = a->is_dmabuf,
					.events = a->events,
					.event_data = a->event_data,
					.stats_offset = a->stats_offset}};
	int r = ask(&m, LINK_ZCRX, fds, NULL);
	why_copy(a->why, m.re_ZCRX.text);
	if (r < 0)
		return r;
	a->id = m.re_ZCRX.id;
	a->head = m.re_ZCRX.head;
	a->tail = m.re_ZCRX.tail;
	a->rqes = m.re_ZCRX.rqes;
	a->token = m.re_ZCRX.token;
	return 0;
}

int attach_devmem(int *ret_sock, uint32_t *ret_id, const struct lease *l, int dmabuf,
		  char why[ATTACH_WHY_BYTES])
{
	union link_any m = {.as_DEVMEM = {.lease = ask_lease_id(l)}};
	int sock, r = ask(&m, LINK_DEVMEM, &dmabuf, &sock);
	why_copy(why, m.re_DEVMEM.text);
	if (r < 0)
		return r;
	*ret_sock = sock;
	*ret_id = m.re_DEVMEM.id;
	return 0;
}
