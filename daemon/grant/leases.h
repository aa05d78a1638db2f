/* SPDX-License-Identifier: MIT */
/*
 * The NICs that the administrator gave zcrxd queues of (zcrxd.conf(5), [nic NAME]): when each is
 * made ready, and when it is put back.
 *
 * A NIC is made ready with its first lease: header split on, threshold 0, ntuple rules on, zcrxd's
 * queues out of the RSS table. What it was like is journaled first. It is put back some time after
 * the last lease (linger-seconds), at exit, or at the next start after a crash.
 */
#ifndef ZCRXD_LEASES_H
#define ZCRXD_LEASES_H

#include <stdbool.h>
#include <stdint.h>

#include "daemon/common/work.h"
#include "daemon/grant/guard.h"
#include "daemon/grant/leaving.h"
#include "daemon/grant/pick.h"

struct config_nic;

/* One NIC and the leases of its queues. What is not atomic belongs to who holds guard.lock. */
struct leases {
	const struct config_nic *config;
	uint32_t ifindex; /* while there are leases */
	uint32_t n;       /* leases, those among them that leave */
	bool over;        /* it is put back for good: nothing is leased or changed any more */
	bool left_behind; /* a zcrxd that died may have left rules there */
	bool unready;     /* it cannot be looked after, and nothing of it is leased */
	struct guard guard;
	struct pick pick;
	struct leavings leaving;

	/* What happens without leases. Atomic, since it is looked at without the lock. */
	uint64_t back_at_ns; /* when it is to be put back; 0: it has leases, or is as it was */
	bool owed;           /* it was gone when it was to be put back, perhaps before the start */

	/* The control thread's. */
	bool returning; /* the work was started, and is not joined yet */
	struct work work;
};

void leases_init(const struct config_nic *nics, const char *state_dir);

/*
 * After leases_init(), and after the leases and rules of a zcrxd that was killed were taken over
 * (lease_again()): what else it left behind is put back, as far as that is possible now. If any
 * lease was taken over, a NIC without leases is put back later, by leases_look(), since that may
 * take long.
 */
void leases_settle(void);

/* Are there NICs of which queues can be leased? */
bool leases_any(void);

/*
 * To be called when something about interfaces, addresses or routes changed: leased queues may be
 * reached by others (guard.h). Does not block.
 */
void leases_changed(void);

/*
 * To be called after leases_changed(), when the eventfd leases_owing() is readable, and when it is
 * time. A NIC without leases may have to be put back, one that was gone may be here again, or the
 * kernel may have let go of queues that were given back. Does not block; the work is done on
 * threads of its own. Returns when it is time again (monotonic, ns); UINT64_MAX if that is not
 * known.
 */
uint64_t leases_look(void);
int leases_owing(void);

/*
 * Puts back every NIC that is not yet, also those whose leases never ended. A lease that is being
 * taken meanwhile is waited for; from then on there are no new ones, and nothing is changed.
 */
void leases_done(void);

/*
 * Keeps all threads from changing NICs, or lets them again. Returns false, and keeps nobody, if one
 * is being changed at this moment.
 */
bool leases_hold(bool held);

/* For lease.c and lease_leave.c, as what follows. leases_look() is called soon. */
void leases_look_again(void);

/* The NIC of this index, in the order of the configuration; NULL: there are no more.
 */
struct leases *leases_at(uint32_t i);

/* The NIC of this name, or NULL. */
struct leases *leases_of(const char *name);

/* Is this one of the NICs, or, for "", is there any? */
bool leases_has(const char *name);

/* With guard.lock held: makes the NIC ready. Returns 0, or a negative errno with a sentence. */
int leases_make_ready(struct leases *nic, char why[NIC_SENTENCE_BYTES]);

/* With guard.lock held: there is one more lease; the NIC is ready, and has this ifindex. */
void leases_add(struct leases *nic, struct guarded *lease, uint32_t ifindex);

/* With guard.lock held: the lease has left. After the last one the NIC is put back, now or later.
 */
void leases_remove(struct leases *nic, struct guarded *lease);

#endif
