/* SPDX-License-Identifier: MIT */
#include "daemon/pump/judge.h"

#include "daemon/grant/account.h"
#include "daemon/grant/classes.h"
#include "proto/reason.h"

void judge_update(const struct client *c, struct judged *judged)
{
	if (judged->classes && classes_in_force(judged->classes))
		return;
	struct classes *old = judged->classes, *new = classes_get();
	judged->class = classes_class(new, c->session.sock, c->who.socket, c->who.class);
	judged->classes = new;
	classes_put(old);
}

static uint32_t answered(struct answer *a, struct policy_verdict v)
{
	if (v.reason)
		answer_say(a, "%s", v.why);
	return v.reason;
}

uint32_t judge_new(const struct client *c, struct answer *a)
{
	const struct policy_request r = {.what = POLICY_BACKEND};
	if (account_is_closed()) {
		answer_say(a, "zcrxd is of a release too far from the one that this connection is "
			      "of: what you have goes on; connect again for more.");
		return REASON_DENIED;
	}
	return c->judged.class == &policy_nobody ? answered(a, policy_judge(c->judged.class, &r))
						 : REASON_NONE;
}

uint32_t judge_backend(const struct client *c, uint32_t backend, struct answer *a)
{
	const struct policy_request r = {.what = POLICY_BACKEND, .backend = backend};
	return answered(a, policy_judge(c->judged.class, &r));
}

uint32_t judge_flow(const struct client *c, const struct msg_flow_host *m, struct answer *a)
{
	const struct policy_request r = {.what = POLICY_FLOW,
					 .listening = m->flags & MSG_FLOW_LISTEN,
					 .receive_only = m->flags & MSG_FLOW_RECEIVE_ONLY,
					 .local = m->local,
					 .remote = m->remote};
	return answered(a, policy_judge(c->judged.class, &r));
}

const char *judge_steer(const struct flow *f, const struct msg_addr *local)
{
	const struct policy_request r = {.what = POLICY_STEER,
					 .listening = f->listener,
					 .local = *local,
					 .remote = f->remote};
	struct policy_verdict v = policy_judge(f->queue->judged.class, &r);
	return v.reason ? v.why : NULL;
}
