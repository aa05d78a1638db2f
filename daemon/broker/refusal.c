/* SPDX-License-Identifier: MIT */
#include "daemon/broker/refusal.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "daemon/broker/listening.h"
#include "daemon/common/refuse.h"
#include "daemon/common/work.h"
#include "policy/policy.h"
#include "proto/reason.h"

#define HELD_MAX 64u /* of one listening socket at once */

struct refusal {
	TAILQ_ENTRY(refusal) link;
	char socket[POLICY_NAME_BYTES];
	int sock;
	uint32_t reason;
	char text[MSG_TEXT_BYTES];
	bool unavoidable;
	struct work work;
};

void refusals_init(struct refusals *r, int wake)
{
	TAILQ_INIT(&r->all);
	r->wake = wake;
}

static void turn_away(void *data)
{
	const struct refusal *f = data;
	if (f->reason)
		refuse_connection(f->sock, f->reason, f->text);
	close(f->sock);
}

void refusals_add(struct refusals *r, int sock, const char *socket, uint32_t reason,
		  const char *text, bool unavoidable)
{
	struct refusal now = {.sock = sock, .reason = reason};
	snprintf(now.text, sizeof(now.text), "%s", text);
	struct refusal *f = listening_lets_descriptors_in(sock) ? malloc(sizeof(*f)) : NULL;
	if (!f) {
		turn_away(&now);
		return;
	}
	*f = now;
	f->unavoidable = unavoidable;
	snprintf(f->socket, sizeof(f->socket), "%s", socket);
	TAILQ_INSERT_TAIL(&r->all, f, link);
	work_start(&f->work, turn_away, f, r->wake);
}

void refusals_hang_up(struct refusals *r, int sock, const char *socket, bool unavoidable)
{
	if (listening_lets_descriptors_in(sock))
		refusals_add(r, sock, socket, REASON_NONE, "", unavoidable);
	else
		close(sock);
}

bool refusals_full(const struct refusals *r, const char *socket)
{
	const struct refusal *f;
	uint32_t n = 0;
	TAILQ_FOREACH (f, &r->all, link)
		n += !f->unavoidable && strcmp(f->socket, socket) == 0;
	return n >= HELD_MAX;
}

bool refusals_reap(struct refusals *r)
{
	struct refusal *f, *next;
	bool any = false;
	for (f = TAILQ_FIRST(&r->all); f; f = next) {
		next = TAILQ_NEXT(f, link);
		if (!work_is_over(&f->work))
			continue;
		work_join(&f->work);
		TAILQ_REMOVE(&r->all, f, link);
		free(f);
		any = true;
	}
	return any;
}
