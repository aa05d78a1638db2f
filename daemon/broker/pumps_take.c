/* SPDX-License-Identifier: MIT */
#include "daemon/broker/pumps_take.h"

#include <signal.h>
#include <stdlib.h>
#include <sys/pidfd.h>
#include <sys/wait.h>

#include "base/clock.h"
#include "daemon/broker/admission.h"
#include "daemon/broker/awaited.h"
#include "daemon/broker/pump_end.h"
#include "daemon/broker/pump_start.h"
#include "daemon/broker/pump_tell.h"
#include "daemon/broker/pump_watch.h"
#include "daemon/broker/record.h"
#include "daemon/broker/relink.h"
#include "daemon/broker/serve.h"
#include "daemon/broker/serve_lease_news.h"
#include "daemon/common/log.h"
#include "daemon/grant/process.h"

#define AWAIT_S 2u

struct taking {
	struct pumps *all;
	uint32_t last_id;
};

/* The pumps of a broker that executed this program in its place are its children still. */
static bool is_child(int pidfd)
{
	siginfo_t info;
	return waitid(P_PIDFD, (id_t)pidfd, &info, WEXITED | WNOHANG | WNOWAIT) == 0;
}

/*
 * A pump that cannot be taken over is killed: its leases and rules are taken back, and it would go
 * on as if it had them.
 */
static bool lost(struct pumps *all, const struct record *r, int pidfd)
{
	all->lost++;
	pidfd_send_signal(pidfd, SIGKILL, NULL, 0);
	struct stray *s = is_child(pidfd) ? malloc(sizeof(*s)) : NULL;
	if (s)
		strays_add(&all->strays, s, r->pump);
	return false;
}

static bool take(struct record *r, struct record_file *record, int pidfd, void *data)
{
	struct taking *t = data;
	t->last_id = r->id > t->last_id ? r->id : t->last_id;
	struct pump *p = pump_new(t->all, r->id, &r->who);
	if (!p)
		return lost(t->all, r, pidfd);
	p->far_end = pump_link_make(p);
	if (p->far_end < 0 || admission_again(&p->who) < 0) {
		pump_free(p);
		return lost(t->all, r, pidfd);
	}
	p->pid = r->pump;
	p->again = p->taken = true;
	p->record = record;
	p->pidfd = pidfd;
	p->started = r->started;
	p->is = r->is;
	p->is.socket = *p->who.socket ? p->who.socket : NULL;
	TAILQ_INSERT_TAIL(&t->all->list, p, link);
	serve_again(p);
	if (pump_watch(p, is_child(pidfd)) < 0 || pump_tell_start(p) < 0)
		pump_break(p, "cannot be taken over");
	else
		relink(p);
	serve_lease_again(p);
	return true;
}

uint32_t pumps_take(struct pumps *all)
{
	struct taking t = {.all = all};
	struct pump *p;
	/* Children of the broker that executed this program, which have ended since. */
	while (waitpid(-1, NULL, WNOHANG) > 0)
		;
	uint32_t left = records_read(all->records, take, &t);
	if (left)
		log_warn(
			"%u %s of the zcrxd that ran before cannot be looked at for want of descriptors or "
			"memory, and %s left to the next zcrxd",
			left, left == 1 ? "client" : "clients", left == 1 ? "is" : "are");
	TAILQ_FOREACH (p, &all->list, link)
		serve_lease_again_ended(p);
	return t.last_id;
}

/* How many of the broker before have their links (true), or wait for them (false). */
static uint32_t count_again(const struct pumps *all, bool linked)
{
	const struct pump *p;
	uint32_t n = 0;
	TAILQ_FOREACH (p, &all->list, link)
		n += p->again && !p->broken && !p->dead && (p->report != NULL) == linked;
	return n;
}

static void await_until(struct pumps *all, uint64_t until_ns)
{
	uint64_t now_ns;
	while (count_again(all, false) && (now_ns = clock_ns()) < until_ns)
		if (sd_event_run(all->event, (until_ns - now_ns) / 1000) < 0)
			break;
}

static const char *why_no_link(const struct pump *p)
{
	bool waits = p->again && !p->broken && !p->dead && !p->report;
	return waits ? "its pump has not got its link from a hand yet" : NULL;
}

void pumps_await(struct pumps *all)
{
	static const struct awaiting links = {.what = "the start of zcrxd",
					      .left = "is waited for no longer",
					      .seconds = AWAIT_S,
					      .why = why_no_link};
	uint64_t since_ns = clock_ns();
	await_until(all, since_ns + AWAITED_USEC * 1000);
	awaited_tell(all, &links);
	await_until(all, since_ns + AWAIT_S * NS_A_SECOND);
	awaited_over(all, &links);
	uint32_t n = count_again(all, true);
	if (n)
		log_info("%u %s of the zcrxd that ran before %s on", n,
			 n == 1 ? "client" : "clients", n == 1 ? "goes" : "go");
	if (all->lost)
		log_warn("%u %s of the zcrxd that ran before could not be taken over, and %s ended",
			 all->lost, all->lost == 1 ? "client" : "clients",
			 all->lost == 1 ? "was" : "were");
}

const char *pumps_why_not_taken(const struct pumps *all)
{
	const struct pump *p;
	if (!TAILQ_EMPTY(&all->list) && ptrace_scope() > 1)
		return "this system lets no process take descriptors of another one "
		       "(kernel.yama.ptrace_scope is 2 or more)";
	TAILQ_FOREACH (p, &all->list, link)
		if (p->unrecorded && !p->dead)
			return "the note of a client could not be written beside the clients' socket";
	return NULL;
}

bool pump_is_settled(const struct pump *p)
{
	return p->dead || p->broken || (p->classed && !p->taken && LIST_EMPTY(&p->errands));
}

bool pumps_are_settled(const struct pumps *all)
{
	const struct pump *p;
	TAILQ_FOREACH (p, &all->list, link)
		if (!pump_is_settled(p))
			return false;
	return true;
}
