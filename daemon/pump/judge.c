/* SPDX-License-Identifier: MIT */
#include "daemon/pump/judge.h"

#include <string.h>

#include "daemon/grant/classes.h"
#include "daemon/grant/identity.h"
#include "proto/reason.h"

static const struct policy_class *class_now(const struct client *c, const struct classes *classes)
{
	pid_t pid;
	struct policy_identity who = {.socket = *c->who.socket ? c->who.socket : NULL};
	const struct policy_class *class = NULL;
	if (identity_read(&who, &pid, c->session.sock) == 0)
		class = policy_class_of(classes_policy(classes), &who);
	identity_done(&who);
	return class && strcmp(class->name, c->who.class) == 0 ? class : &policy_nobody;
}

void judge_update(struct client *c)
{
	if (c->classes && classes_in_force(c->classes))
		return;
	struct classes *old = c->classes, *new = classes_get();
	const struct policy_class *class = class_now(c, new);
	c->classes = new;
	c->class = class;
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
	return c->class == &policy_nobody ? answered(a, policy_judge(c->class, &r)) : REASON_NONE;
}

uint32_t judge_backend(const struct client *c, uint32_t backend, struct answer *a)
{
	const struct policy_request r = {.what = POLICY_BACKEND, .backend = backend};
	return answered(a, policy_judge(c->class, &r));
}

uint32_t judge_flow(const struct client *c, const struct msg_flow_host *m, struct answer *a)
{
	const struct policy_request r = {.what = POLICY_FLOW,
					 .listening = m->flags & MSG_FLOW_LISTEN,
					 .receive_only = m->flags & MSG_FLOW_RECEIVE_ONLY,
					 .local = m->local,
					 .remote = m->remote};
	return answered(a, policy_judge(c->class, &r));
}

const char *judge_steer(const struct flow *f, const struct msg_addr *local)
{
	const struct policy_request r = {.what = POLICY_STEER,
					 .listening = f->listener,
					 .local = *local,
					 .remote = f->remote};
	struct policy_verdict v = policy_judge(f->queue->client->class, &r);
	return v.reason ? v.why : NULL;
}
