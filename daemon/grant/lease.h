/* SPDX-License-Identifier: MIT */
/*
 * A lease: hardware receive queues of one NIC, handed out to one client at a time. leases.h has the
 * NICs.
 *
 * Any thread may call. The first lease of a NIC may take long, since some drivers restart the NIC;
 * only who asks for the same NIC waits.
 */
#ifndef ZCRXD_LEASE_H
#define ZCRXD_LEASE_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "daemon/grant/guarded.h"
#include "nic/reach.h"
#include "nic/ready.h"

struct lease;
struct lease_rule;
struct nic_rule;
struct user;
struct policy_class;

/* Who wants queues, and which. */
struct lease_wish {
	const struct policy_class *class;
	struct user *user; /* is charged one lease, and its queues until it has ended */
	uint32_t backend;  /* enum msg_backend: what the queues are for */
	const char *nic;   /* the interface's name; "": any */
	uint32_t n;        /* how many queues, at most LEASE_QUEUES_MAX */
	int poke;          /* eventfd, borrowed until the lease ends: written when it has news */
};

/*
 * Leases free queues of one NIC. Returns 0, or a negative errno with a sentence in why: -EACCES if
 * the class may lease none, -EDQUOT if the user leases more often than it may or would have more
 * hardware queues than it may, -ESHUTDOWN after leases_done(). Queues that packets of others are
 * led to are left out. Where the user's next lease is due soon, or queues were given back that the
 * kernel has not let go of yet, this waits for that (LEASE_WAIT_MAX_NS).
 */
int lease_take(struct lease **ret, const struct lease_wish *wish, char why[NIC_SENTENCE_BYTES]);

/* A lease of the zcrxd before. */
struct lease_was {
	struct user *user;
	const char *nic;
	uint32_t ifindex;
	const uint32_t *rxqs;
	uint32_t n;
	int poke; /* as in a wish */
};

/*
 * Between leases_init() and leases_settle(). Returns 0, -ENODEV if there is no such NIC to lease
 * of, -EBUSY if one of the queues is not zcrxd's, or somebody else has it, -EINVAL, or -ENOMEM.
 */
int lease_again(struct lease **ret, const struct lease_was *was);

/* The interface's name, which lives as long as the configuration. */
const char *lease_name(const struct lease *l);

void lease_where(const struct lease *l, uint32_t *ret_ifindex, const uint32_t **ret_rxqs,
		 uint32_t *ret_n);

/*
 * Gives the queues back, and frees the lease. In the broker the queues stay charged, and nobody
 * else gets them, until the kernel has let go of them: whoever had them may have them registered
 * still. This does not wait for that. NULL is fine.
 */
void lease_end(struct lease *l);

/*
 * The same, but the lease is kept, and its eventfd is written when the kernel has let go; then
 * lease_has_left() is true. lease_end() ends it, then or before. hand: a process that may
 * register the queues as long as it lives, and when it was started (process.h); or 0. With such a
 * lease only these may be called, and lease_has_news(), lease_lost(), lease_name(), lease_where().
 */
void lease_leave(struct lease *l, pid_t hand, uint64_t hand_started);
bool lease_has_left(const struct lease *l);
/* Of one that leaves: did the kernel say, when it was asked last, that somebody has the queues? */
bool lease_is_bound(const struct lease *l);

/*
 * To be asked after the eventfd was written. If there is news since the last call, either the lease
 * is lost (a reason, and a sentence), or rule_why() of some of its rules has changed (rules.h).
 */
bool lease_has_news(struct lease *l);
uint32_t lease_lost(const struct lease *l, const char **ret_why);

/*
 * Steers what the rule matches to one of the queues, to each in turn. Returns 0, -EALREADY if a
 * rule of zcrxd's matches the same, -ESHUTDOWN after leases_done(), or the errno of nic_rule_add().
 */
int lease_steer(struct lease *l, const struct nic_rule *match, const struct nic_place *place,
		struct lease_rule **ret);
/*
 * A rule of the zcrxd before; told: it brought no packets, and whoever has it was told so. Before
 * leases_settle(). Returns 0, -EINVAL, -EALREADY or -ENOMEM.
 */
int lease_steer_again(struct lease *l, const struct nic_rule *match, const struct nic_place *place,
		      bool told, struct lease_rule **ret);
void lease_unsteer(struct lease *l, struct lease_rule *rule);

/*
 * The same for who does not wait: in a pump that may take until there is a broker again. Returns 0
 * or -ENOMEM. After 0 lease_unsteered() is called until it has returned true; the lease's eventfd
 * is written before.
 */
int lease_unsteer_later(struct lease *l, struct lease_rule *rule);
bool lease_unsteered(struct lease *l, struct lease_rule *rule);

#endif
