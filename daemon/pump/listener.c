/* SPDX-License-Identifier: MIT */
#include "daemon/pump/listener.h"

#include <errno.h>

#include "daemon/pump/channel.h"
#include "daemon/pump/flow.h"
#include "daemon/pump/flows.h"
#include "daemon/pump/socket.h"
#include "daemon/pump/steer.h"
#include "proto/addr.h"
#include "proto/reason.h"

static void announce(struct flow *listener, int sock)
{
	struct flow *f = listener->accepting;
	listener->accepting = NULL;
	f->sock = sock;
	f->listener_id = listener->id;
	flow_identify(f, socket_cookie(sock));
	f->receive_only = listener->receive_only;
	f->limited = listener->limited;
	f->was_limited = listener->was_limited;
	addr_of_socket(sock, &f->local, &f->remote);
	steer_share(f, listener);
	flow_join(f);
	if (f->receive_only && !policy_accepts(f->queue->judged.class, &f->remote))
		flow_close(f, true);
	else
		channel_tell(f->queue, f);
}

/* Ends of one connection or of the operation. What causes any other end lasts. */
static bool at_once(int result)
{
	return result == -ECANCELED || result == -EINTR || result == -EAGAIN ||
	       result == -ECONNABORTED;
}

void listener_accepted(struct flow *listener, int result)
{
	flows_set_state(listener, FLOW_IDLE);
	listener->cancelling = false;
	if (result >= 0)
		announce(listener, result);
	else if (result == -EINVAL || result == -EBADF || result == -ENOTSOCK)
		return flow_end(listener, result, REASON_SOCKET_STATE);
	else if (!at_once(result)) {
		listener->queue->retry = true;
		return;
	}
	flow_attend(listener);
}

void listener_give_up(struct flow *listener)
{
	struct flow *f;
	while (!queue_is_closing(listener->queue) && (f = flow_unannounced(listener)))
		flow_close(f, true);
}

void listener_go_on(struct queue *q)
{
	struct flow *f;
	q->listeners_wait = q->listeners_ask = false;
	TAILQ_FOREACH (f, &q->flows, link)
		if (f->listener && f->state == FLOW_IDLE)
			flow_attend(f);
}
