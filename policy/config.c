/* SPDX-License-Identifier: MIT */
#include "policy/config.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "proto/wire.h"

#define LINGER_SECONDS 30
#define ORPHAN_SECONDS 300

int config_init(struct config *c)
{
	*c = (struct config){
		.clients = strdup(WIRE_SOCKET_PATH),
		.status = strdup(WIRE_STATUS_PATH),
		.state = strdup(CONFIG_STATE_PATH),
		.mode = 0660,
		.orphan_seconds = ORPHAN_SECONDS,
		.gid = (gid_t)-1,
	};
	int r = policy_init(&c->policy);
	return c->clients && c->status && c->state ? r : -ENOMEM;
}

void config_done(struct config *c)
{
	free(c->clients);
	free(c->status);
	free(c->group);
	free(c->state);
	policy_done(&c->policy);
	while (c->nics) {
		struct config_nic *nic = c->nics;
		c->nics = nic->next;
		nic_queues_done(&nic->queues);
		free(nic);
	}
}

struct config_nic *config_nic_new(const char *name)
{
	struct config_nic *nic = calloc(1, sizeof(*nic));
	if (!nic)
		return NULL;
	memcpy(nic->name, name, strnlen(name, sizeof(nic->name) - 1));
	nic->linger_seconds = LINGER_SECONDS;
	return nic;
}

static bool same_text(const char *a, const char *b)
{
	return strcmp(a ? a : "", b ? b : "") == 0;
}

bool config_same_start(const struct config *a, const struct config *b)
{
	const struct config_nic *x = a->nics, *y = b->nics;
	for (; x && y; x = x->next, y = y->next)
		if (strcmp(x->name, y->name) != 0 || x->linger_seconds != y->linger_seconds ||
		    x->queues.n != y->queues.n ||
		    memcmp(x->queues.ids, y->queues.ids, x->queues.n * sizeof(*x->queues.ids)) != 0)
			return false;
	return !x && !y && a->mode == b->mode && a->fixed_holes == b->fixed_holes &&
	       same_text(a->clients, b->clients) && same_text(a->status, b->status) &&
	       same_text(a->group, b->group) && same_text(a->state, b->state);
}
