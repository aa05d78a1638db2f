/* SPDX-License-Identifier: MIT */
/* Jobs on a pump's memory: a dma-buf that receive queues are bound to, a memfd that is watched. */
#include <errno.h>
#include <stdio.h>
#include <sys/inotify.h>

#include "daemon/hand/take.h"
#include "daemon/hand/work.h"
#include "nic/bind.h"

int work_devmem(const struct hand_devmem *d, struct hand_reply *reply)
{
	struct nic_binding *binding;
	int dmabuf;
	reply->fault = take_dmabuf(&dmabuf, HAND_FIRST_FD, d->dmabuf, &reply->error);
	if (reply->fault != HAND_DONE)
		return -1;
	int r = d->n > HAND_RXQS_MAX ? -EINVAL
				     : nic_bind(&binding, d->ifindex, d->rxqs, d->n, dmabuf);
	work_over(reply, r);
	if (r < 0)
		return -1;
	reply->devmem.id = nic_binding_id(binding);
	return nic_binding_fd(binding);
}

/* A file has one watch, however often it is asked for. */
int work_watch(const struct hand_watch *w, struct hand_reply *reply)
{
	int memfd;
	char path[64];
	reply->fault = take_memfd(&memfd, HAND_FIRST_FD, w->memfd, 0, &reply->error);
	if (reply->fault != HAND_DONE)
		return -1;
	snprintf(path, sizeof(path), "/proc/self/fd/%d", memfd);
	int descriptor = inotify_add_watch(HAND_FIRST_FD + 1, path, IN_DELETE_SELF);
	work_over(reply, descriptor < 0 ? -errno : 0);
	reply->watch.descriptor = descriptor;
	return -1;
}
