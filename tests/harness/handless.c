/* SPDX-License-Identifier: MIT */
/*
 * What a pump has a hand do, for tests that have modules of pump and broker in one process, which
 * no link connects: there it fails, as on a machine without hardware queues and udmabuf.
 */
#include <errno.h>

#include "daemon/grant/attach.h"
#include "daemon/grant/udmabuf.h"

int attach_zcrx(struct attach_zcrx *a)
{
	(void)a;
	return -EOPNOTSUPP;
}

int attach_devmem(int *ret_sock, uint32_t *ret_id, const struct lease *l, int dmabuf,
		  char why[ATTACH_WHY_BYTES])
{
	(void)ret_sock, (void)ret_id, (void)l, (void)dmabuf, (void)why;
	return -EOPNOTSUPP;
}

int udmabuf_new(int memfd, uint64_t bytes)
{
	(void)memfd, (void)bytes;
	return -EOPNOTSUPP;
}
