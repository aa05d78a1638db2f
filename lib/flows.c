/* SPDX-License-Identifier: MIT */
#include "lib/flows.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum {
	ROOM_MIN = 16
};

static struct flow_line *line_of(struct flows *t, enum flow_state state)
{
	switch (state) {
	case FLOW_OPENING:
		return &t->opening;
	case FLOW_ENDING:
		return &t->ending;
	case FLOW_LIVE:
	case FLOW_ENDED:
	default:
		return NULL;
	}
}

static void line_leave(struct flows *t, struct zcrx_flow *f)
{
	struct flow_line *line = line_of(t, f->state);
	if (line)
		TAILQ_REMOVE(line, f, link);
}

static void line_join(struct flows *t, struct zcrx_flow *f, enum flow_state state)
{
	struct flow_line *line = line_of(t, state);
	f->state = state;
	if (line)
		TAILQ_INSERT_TAIL(line, f, link);
}

/*
 * Makes room for the index. There are FLOW_ID_INDICES indices: the table stays below 1 MiB,
 * whatever the daemon says.
 */
static int room_make(struct flows *t, uint32_t index)
{
	uint32_t room = t->room ? t->room : ROOM_MIN;
	while (room <= index)
		room *= 2;
	if (room == t->room)
		return 0;
	struct zcrx_flow **at = reallocarray(t->at, room, sizeof(struct zcrx_flow *));
	if (!at)
		return -ENOMEM;
	memset(at + t->room, 0, (room - t->room) * sizeof(struct zcrx_flow *));
	t->at = at;
	t->room = room;
	return 0;
}

void flows_init(struct flows *t)
{
	*t = (struct flows){0};
	TAILQ_INIT(&t->opening);
	TAILQ_INIT(&t->ending);
}

void flows_done(struct flows *t)
{
	for (uint32_t i = 0; i < t->room; i++)
		flow_free(t->at[i]);
	free(t->at);
	flows_init(t);
}

int flows_add(struct flows *t, struct zcrx_flow *f, enum flow_state state)
{
	uint32_t index = flow_id_index(f->id);
	int error = room_make(t, index);
	if (error)
		return error;
	if (f->id == 0 || t->at[index])
		return -EEXIST;
	t->at[index] = f;
	line_join(t, f, state);
	return 0;
}

void flows_advance(struct flows *t, struct zcrx_flow *f, enum flow_state state)
{
	assert(state > f->state);
	line_leave(t, f);
	line_join(t, f, state);
}

void flows_remove(struct flows *t, struct zcrx_flow *f)
{
	line_leave(t, f);
	t->at[flow_id_index(f->id)] = NULL;
	flow_free(f);
}

void flow_free(struct zcrx_flow *f)
{
	if (!f)
		return;
	if (f->sock_owned)
		close(f->sock);
	free(f);
}
