/* SPDX-License-Identifier: MIT */
#include "daemon/backend/side.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/mman.h>

#include "base/fd.h"
#include "daemon/common/memfd.h"
#include "daemon/grant/files.h"
#include "proto/mapping.h"

size_t side_bytes(void)
{
	return (size_t)SIDE_SLOTS * SIDE_SLOT_BYTES;
}

static void lend(struct side *s, uint32_t slot)
{
	io_uring_buf_ring_add(s->slots, s->map + (size_t)slot * SIDE_SLOT_BYTES, SIDE_SLOT_BYTES,
			      (uint16_t)slot, SIDE_SLOTS - 1, 0);
	io_uring_buf_ring_advance(s->slots, 1);
	s->lent++;
}

/* The memory is not allocated yet: a slot that nothing is copied to costs nothing. */
static int memory_make(struct side *s, struct user *user, char *why)
{
	s->fd = files_new(user, FILE_SIDE, side_bytes(), &s->readonly, why);
	if (s->fd < 0)
		return s->fd;
	int r = memfd_map(s->fd, side_bytes(), &s->map);
	return r < 0 ? r : memfd_seal(s->fd);
}

int side_new(struct side **ret, struct uring *ring, struct user *user, char *why)
{
	struct side *s = calloc(1, sizeof(*s));
	if (!s)
		return -ENOMEM;
	s->readonly = -1;
	int r = memory_make(s, user, why);
	if (r == 0)
		s->slots = uring_buffers_new(ring, SIDE_SLOTS, SIDE_GROUP, &r);
	if (!s->slots) {
		side_free(s);
		return r;
	}
	for (uint32_t slot = 0; slot < SIDE_SLOTS; slot++)
		lend(s, slot);
	*ret = s;
	return 0;
}

struct side *side_free(struct side *s)
{
	if (!s)
		return NULL;
	if (s->slots)
		uring_buffers_free(s->slots, SIDE_SLOTS);
	if (s->map)
		mapping_free(s->map, side_bytes());
	fd_close(s->fd);
	fd_close(s->readonly);
	free(s);
	return NULL;
}

int side_readonly(struct side *s)
{
	return fd_steal(&s->readonly);
}

void side_take(struct side *s, uint32_t slot)
{
	s->lent--;
	s->refs[slot] = 1;
}

void side_drop(struct side *s, uint32_t slot)
{
	if (--s->refs[slot] == 0)
		lend(s, slot);
}

bool side_give(struct side *s, uint32_t slot)
{
	if (s->tail - s->head == RING_SIDE_MAX)
		return false;
	s->refs[slot]++;
	s->given[s->tail++ % RING_SIDE_MAX] = (uint8_t)slot;
	return true;
}

static bool is_given(const struct side *s, uint32_t head)
{
	return head - s->head <= s->tail - s->head;
}

bool side_is_back(const struct side *s, uint32_t head)
{
	return head != s->head && is_given(s, head);
}

bool side_back(struct side *s, uint32_t head)
{
	if (!is_given(s, head))
		return false;
	while (s->head != head)
		side_drop(s, s->given[s->head++ % RING_SIDE_MAX]);
	return true;
}
