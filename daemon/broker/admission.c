/* SPDX-License-Identifier: MIT */
#include "daemon/broker/admission.h"
#include "daemon/grant/account.h"

#include <errno.h>
#include <stdio.h>
#include <unistd.h>

#include "base/clock.h"
#include "daemon/broker/privilege.h"
#include "daemon/grant/classes.h"
#include "daemon/grant/identity.h"
#include "daemon/grant/rates.h"
#include "proto/reason.h"

void admission_over(struct client_identity *who)
{
	account_release(who->user, ACCOUNT_SESSIONS, 1);
	user_put(who->user);
}

#define SYSTEM_UID_MAX 999u

/*
 * A process of the pumps' user could take over others' pumps, by signals and ptrace(2). Root can
 * anyway. A person who runs zcrxd as himself, without a privilege, keeps nothing from himself. A
 * service that has no NIC has no privilege either: it is told by its number.
 */
static bool is_of_pumps(uid_t uid)
{
	return uid != 0 && uid == geteuid() && (uid <= SYSTEM_UID_MAX || privilege_is_there());
}

/* The class of who connected to this class's socket, or to the shared one (""). */
static const struct policy_class *class_get(const struct policy *policy, int sock,
					    struct client_identity *who)
{
	struct policy_identity is = {.socket = *who->socket ? who->socket : NULL};
	int r = identity_read(&is, &who->pid, sock);
	const struct policy_class *class = r < 0 ? NULL : policy_class_of(policy, &is);
	who->uid = is.uid;
	who->gid = is.gid;
	identity_done(&is);
	return class;
}

/*
 * Charges the session. To start a pump costs far more than to connect, so that has a rate, too.
 * Returns 0, -EPERM for the pumps' own user, -EACCES without a class, or -EDQUOT with the sentence
 * in `why`.
 */
static int charge(const struct policy *policy, int sock, struct client_identity *who, char *why)
{
	const struct policy_class *class = class_get(policy, sock, who);
	if (is_of_pumps(who->uid))
		return -EPERM;
	if (!class)
		return -EACCES;
	snprintf(who->class, sizeof(who->class), "%s", class->name);
	uint64_t now = clock_ns();
	int r = user_get(&who->user, class->name, &class->limits, who->uid, now, why);
	if (r < 0)
		return r;
	r = account_charge(who->user, ACCOUNT_SESSIONS, 1, why);
	if (r == 0 && !rates_connection(who->user, now, why)) {
		account_release(who->user, ACCOUNT_SESSIONS, 1);
		r = -EDQUOT;
	}
	if (r < 0)
		user_put(who->user);
	return r;
}

int admission_get(int sock, const char *socket, struct client_identity *ret,
		  char why[LIMITS_SAID_BYTES])
{
	struct classes *classes = classes_get();
	snprintf(ret->socket, sizeof(ret->socket), "%s", socket);
	int r = charge(classes_policy(classes), sock, ret, why);
	classes_put(classes);
	return r;
}

int admission_again(struct client_identity *who)
{
	struct classes *classes = classes_get();
	const struct policy_class *c = policy_class_find(classes_policy(classes), who->class);
	const struct limits *limits = c ? &c->limits : &policy_nobody.limits;
	int r = user_again(&who->user, who->class, limits, who->uid, clock_ns());
	classes_put(classes);
	if (r == 0)
		account_take(who->user, ACCOUNT_SESSIONS, 1);
	return r;
}

uint32_t admission_reason(int error)
{
	return error == -EDQUOT                      ? REASON_QUOTA
	       : error == -EACCES || error == -EPERM ? REASON_DENIED
						     : REASON_DAEMON_LIMIT;
}
