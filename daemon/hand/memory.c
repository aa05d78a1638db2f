/* SPDX-License-Identifier: MIT */
/* Jobs on memory of a pump's: memfds that are shown, one that a dma-buf is made of, a dma-buf that
 * receive queues are bound to. */
#include <errno.h>
#include <fcntl.h>
#include <linux/udmabuf.h>
#include <sys/ioctl.h>
#include <sys/mman.h>

#include "daemon/common/present.h"
#include "daemon/hand/take.h"
#include "daemon/hand/work.h"
#include "nic/bind.h"
#include "proto/mapping.h"
#include "proto/wire.h"

/* Ends at the first that is not a memfd, or that the broker refuses. */
int work_files(const struct hand_files *f, struct hand_reply *reply)
{
	int fds[MSG_FDS_MAX];
	uint32_t shown = 0, n;
	while (shown < f->n && reply->fault == HAND_DONE) {
		reply->fault = take_given(fds, &n, &reply->error);
		for (uint32_t i = 0; i < n && reply->fault == HAND_DONE; i++)
			reply->fault = check_memfd(fds[i], 0, &reply->error);
		if (reply->fault == HAND_DONE)
			work_show(reply, fds, n);
		if (reply->fault == HAND_DONE)
			wire_close(fds, n);
		shown += n;
	}
	reply->again = reply->fault == HAND_DONE;
	return -1;
}

int work_map(void **ret, int memfd, uint64_t bytes)
{
	int r = present_init();
	if (r < 0 && r != -EOPNOTSUPP)
		return r;
	r = mapping_new(ret, memfd, bytes, PROT_READ | PROT_WRITE, MAP_NORESERVE);
	return r < 0 ? r : present_only(*ret, bytes);
}

/*
 * Has somebody touched all of it? Else making the dma-buf would make what is missing, and zcrxd's
 * cgroup would pay. What is punched out between this look and that is made.
 */
static int whole_check(int memfd, uint64_t bytes)
{
	void *at = NULL;
	int r = work_map(&at, memfd, bytes);
	if (r == 0 && present_is())
		r = madvise(at, bytes, MADV_POPULATE_WRITE) < 0 ? -errno : 0;
	return r;
}

/* The bytes become memory that cannot be swapped out: so the memfd is shown, and charged, before.
 */
int work_udmabuf(const struct hand_udmabuf *u, struct hand_reply *reply)
{
	int fds[MSG_FDS_MAX];
	uint32_t n;
	reply->fault = take_given(fds, &n, &reply->error);
	if (reply->fault == HAND_DONE)
		reply->fault = check_memfd(fds[0], u->bytes, &reply->error);
	if (reply->fault == HAND_DONE)
		work_show(reply, fds, 1);
	if (reply->fault != HAND_DONE)
		return -1;
	int r = whole_check(fds[0], u->bytes);
	if (r < 0) {
		work_over(reply, r);
		return -1;
	}
	struct udmabuf_create create = {.memfd = (uint32_t)fds[0],
					.flags = UDMABUF_FLAGS_CLOEXEC,
					.size = u->bytes};
	int device = open("/dev/udmabuf", O_RDWR | O_CLOEXEC);
	int dmabuf = device < 0 ? -1 : ioctl(device, UDMABUF_CREATE, &create);
	work_over(reply, dmabuf < 0 ? -errno : 0);
	return dmabuf;
}

int work_devmem(const struct hand_devmem *d, struct hand_reply *reply)
{
	struct nic_binding *binding;
	int fds[MSG_FDS_MAX];
	uint32_t n;
	reply->fault = take_given(fds, &n, &reply->error);
	if (reply->fault == HAND_DONE)
		reply->fault = check_dmabuf(fds[0], &reply->error);
	if (reply->fault != HAND_DONE)
		return -1;
	int r = d->n > HAND_RXQS_MAX ? -EINVAL
				     : nic_bind(&binding, d->ifindex, d->rxqs, d->n, fds[0]);
	work_over(reply, r);
	if (r < 0)
		return -1;
	reply->devmem.id = nic_binding_id(binding);
	return nic_binding_fd(binding);
}
