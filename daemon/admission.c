/* SPDX-License-Identifier: MIT */
#include "admission.h"

#include <errno.h>
#include <stdio.h>
#include <sys/epoll.h>

#include "../proto/reason.h"
#include "classes.h"
#include "identity.h"
#include "util.h"

static int process_exited(sd_event_source *source, int fd, uint32_t events, void *data)
{
	(void)fd;
	(void)events;
	peer_exited(data);
	sd_event_source_ref(source);
	sd_event_source_set_floating(source, false);
	sd_event_source_disable_unref(source);
	return 0;
}

void admission_over(sd_event *event, struct client_identity *who)
{
	sd_event_source *source;
	account_release(who->peer, ACCOUNT_SESSIONS, 1);
	if (!peer_put(who->peer)) {
		fd_close(who->pidfd);
	} else if (sd_event_add_io(event, &source, who->pidfd, EPOLLIN, process_exited, who->peer) <
		   0) {
		peer_exited(who->peer);
		fd_close(who->pidfd);
	} else {
		sd_event_source_set_io_fd_own(source, true);
		sd_event_source_set_floating(source, true);
		sd_event_source_unref(source);
	}
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

/* Charges the session, which is a request, too. Returns 0, -EACCES without a class, or -EDQUOT. */
static int charge(const struct policy *policy, int sock, struct client_identity *who)
{
	const struct policy_class *class = class_get(policy, sock, who);
	if (!class)
		return -EACCES;
	snprintf(who->class, sizeof(who->class), "%s", class->name);
	_cleanup_(fd_closep) int pidfd = identity_pidfd(sock);
	uint64_t now = clock_ns();
	int r = pidfd < 0 ? pidfd
			  : peer_get(&who->peer, class->name, &class->limits, who->uid, pidfd, now);
	if (r < 0)
		return r;
	r = account_charge(who->peer, ACCOUNT_SESSIONS, 1);
	if (r == 0 && !account_request(who->peer, now)) {
		account_release(who->peer, ACCOUNT_SESSIONS, 1);
		r = -EDQUOT;
	}
	if (r < 0)
		peer_put(who->peer);
	else
		who->pidfd = fd_steal(&pidfd);
	return r;
}

int admission_get(int sock, const char *socket, struct client_identity *ret)
{
	struct classes *classes = classes_get();
	snprintf(ret->socket, sizeof(ret->socket), "%s", socket);
	int r = charge(classes_policy(classes), sock, ret);
	classes_put(classes);
	return r;
}

uint32_t admission_reason(int error)
{
	return error == -EDQUOT   ? REASON_QUOTA
	       : error == -EACCES ? REASON_DENIED
				  : REASON_DAEMON_LIMIT;
}
