/* SPDX-License-Identifier: MIT */
#include "daemon/broker/awaited.h"

#include "daemon/common/log.h"

#define NAMED_MAX 8u /* so many have a line each */

static uint32_t count(const struct pumps *all, const struct awaiting *w)
{
	const struct pump *p;
	uint32_t n = 0;
	TAILQ_FOREACH (p, &all->list, link)
		n += w->why(p) != NULL;
	return n;
}

uint32_t awaited_tell(struct pumps *all, const struct awaiting *w)
{
	struct pump *p;
	uint32_t n = all->awaited = count(all, w);
	if (n > NAMED_MAX)
		log_info("%s waits for %u clients, %u seconds at most", w->what, n, w->seconds);
	TAILQ_FOREACH (p, &all->list, link) {
		const char *why = n <= NAMED_MAX ? w->why(p) : NULL;
		p->awaited = why != NULL;
		if (why)
			log_info("%s waits for client %u (pid %d, uid %u), %u seconds at most: %s",
				 w->what, p->id, (int)p->who.pid, (unsigned)p->who.uid, w->seconds,
				 why);
	}
	return n;
}

void awaited_over(struct pumps *all, const struct awaiting *w)
{
	const struct pump *p;
	uint32_t n = count(all, w);
	if (n > NAMED_MAX)
		log_warn("%u clients %s", n, w->left);
	else if (all->awaited > NAMED_MAX)
		log_info("%s waits no longer for %u clients", w->what, all->awaited - n);
	TAILQ_FOREACH (p, &all->list, link) {
		const char *why = n <= NAMED_MAX ? w->why(p) : NULL;
		if (why)
			log_warn("client %u (pid %d, uid %u) %s: %s", p->id, (int)p->who.pid,
				 (unsigned)p->who.uid, w->left, why);
	}
	all->awaited = 0;
}

void awaited_forget(struct pumps *all)
{
	struct pump *p;
	TAILQ_FOREACH (p, &all->list, link)
		p->awaited = false;
	all->awaited = 0;
}

void awaited_done(struct pump *p, const char *done)
{
	if (p->awaited)
		log_info("client %u (pid %d, uid %u), which was waited for, %s", p->id,
			 (int)p->who.pid, (unsigned)p->who.uid, done);
	p->awaited = false;
}
