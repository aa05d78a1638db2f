/* SPDX-License-Identifier: MIT */
#include "daemon/broker/pump_limits.h"

#include <errno.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/resource.h>

#include "daemon/grant/flight_reader.h"
#include "policy/limits.h"

/* Descriptors. A pump has fewer: links, epolls, eventfds, those of a request under way. */
#define FDS_OWN     256u
#define FDS_A_QUEUE 32u /* rings, their memory, channel, epoll, eventfd, netlink socket, orders */
#define FDS_AN_AREA 4u
#define FDS_A_FLOW  2u

/* Address space. Code, heap, stacks, tables; all that is charged as bytes comes on top. */
#define BYTES_OWN     (512ull << 20)
#define BYTES_A_QUEUE (16ull << 20) /* stack, submissions, ring and ledger of buffers */
#define BYTES_A_FLOW  (4ull << 10)
#define TIMES_MAPPED  4u /* a memfd that is several areas is charged once, and mapped for each */

/* *sum + n * each, or UINT64_MAX. */
static void add(uint64_t *sum, uint64_t n, uint64_t each)
{
	uint64_t more;
	if (__builtin_mul_overflow(n, each, &more) || __builtin_add_overflow(*sum, more, sum))
		*sum = UINT64_MAX;
}

static uint64_t descriptors(const struct limits *l)
{
	uint64_t n = FDS_OWN;
	add(&n, 1, flight_readers_most());
	add(&n, l->most[ACCOUNT_QUEUES], FDS_A_QUEUE);
	add(&n, l->most[ACCOUNT_AREAS], FDS_AN_AREA);
	add(&n, l->most[ACCOUNT_FLOWS], FDS_A_FLOW);
	return n;
}

static uint64_t address_space(const struct limits *l)
{
#ifdef ZCRXD_SANITIZED /* sanitizers map terabytes */
	(void)l;
	return RLIM_INFINITY;
#else
	uint64_t n = BYTES_OWN;
	add(&n, l->most[ACCOUNT_BYTES], TIMES_MAPPED);
	add(&n, l->most[ACCOUNT_QUEUES], BYTES_A_QUEUE);
	add(&n, l->most[ACCOUNT_FLOWS], BYTES_A_FLOW);
	return n;
#endif
}

static int set(pid_t pump, int resource, rlim_t soft)
{
	struct rlimit limit;
	if (prlimit(pump, resource, NULL, &limit) < 0)
		return -errno;
	limit.rlim_cur = soft < limit.rlim_max ? soft : limit.rlim_max;
	return prlimit(pump, resource, &limit, NULL) < 0 ? -errno : 0;
}

int pump_limits_set(pid_t pump, const struct limits *class)
{
	int r = set(pump, RLIMIT_NOFILE, descriptors(class));
	return r < 0 ? r : set(pump, RLIMIT_AS, address_space(class));
}
