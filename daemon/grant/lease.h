/* SPDX-License-Identifier: MIT */
/*
 * Hardware receive queues of the NICs that the administrator gave us (zcrxd.conf(5), [nic NAME]),
 * handed out to one client at a time.
 *
 * A NIC is made ready with its first lease: header split on, threshold 0, ntuple rules on, our
 * queues out of the RSS table. What it was like is journaled first and put back some time after the
 * last lease (zcrxd.conf(5), linger-seconds), at exit, or at the next start. The work may take long
 * (some drivers restart the NIC): it is done on the thread that asks, others wait only if they ask
 * for the same NIC.
 *
 * Any thread may call.
 */
#ifndef ZCRXD_LEASE_H
#define ZCRXD_LEASE_H

#include <stdbool.h>
#include <stdint.h>

#include "nic/reach.h"
#include "nic/ready.h"

#define LEASE_QUEUES_MOST 16

struct config_nic;
struct lease;
struct lease_rule;
struct nic_rule;
struct user;
struct policy_class;

/* First puts back what a daemon that was killed left behind, as far as it can be. */
void leases_init(const struct config_nic *nics, const char *state_dir);

/*
 * Something about interfaces, addresses or routes changed, the eventfd is readable, or it is time:
 * leased queues may be reached by others (guard.h), a NIC without leases may have to be put back,
 * or one that was gone when it was to be may be here again. Does not block; the work is done on
 * threads of its own. Returns when it is time again (monotonic, ns); UINT64_MAX if it is not known.
 */
uint64_t leases_look(void);
int leases_owing(void);

/* Is there anything to lease? */
bool leases_any(void);

/*
 * Puts back every NIC that is not yet, also those whose leases never ended. A lease that is being
 * taken meanwhile is waited for; from then on there are no new ones, and nothing is changed.
 */
void leases_done(void);

/* Who wants queues. */
struct lease_wish {
	const struct policy_class *class;
	struct user *user; /* its user is charged one lease */
	uint32_t backend;  /* enum msg_backend: what for */
	const char *nic;   /* "": any */
	uint32_t n;        /* so many queues */
	int poke;          /* eventfd, borrowed; until the lease ends, written when it has news */
};

/*
 * So many free queues of the NIC that the class may lease. Returns 0, or a negative errno with a
 * sentence in why: -EACCES if there is none that it may, -EDQUOT if the user had as many leases as
 * it may in this minute, -ESHUTDOWN after leases_done(). Queues that packets of others are led to
 * are left out.
 */
int lease_take(struct lease **ret, const struct lease_wish *wish, char why[NIC_SENTENCE_BYTES]);

/* The interface's name; lives as long as the configuration. */
const char *lease_name(const struct lease *l);

void lease_where(const struct lease *l, uint32_t *ret_ifindex, const uint32_t **ret_rxqs,
		 uint32_t *ret_n);

/*
 * Gives the queues back; whoever registered it has let it go already, though the kernel may need a
 * moment, which is waited for. NULL is fine.
 */
void lease_end(struct lease *l);

/*
 * After the eventfd was written: is there news since the last call? Then either the lease is lost
 * (a reason, and a sentence), or for some of its rules rule_why() says something else (rules.h).
 */
bool lease_has_news(struct lease *l);
uint32_t lease_lost(const struct lease *l, const char **ret_why);

/*
 * Steers what the rule matches to one of the queues, the next one each time. Returns 0, -EALREADY
 * if a rule of ours matches the same, -ESHUTDOWN after leases_done(), or the errno of
 * nic_rule_add().
 */
int lease_steer(struct lease *l, const struct nic_rule *match, const struct nic_place *place,
		struct lease_rule **ret);
void lease_unsteer(struct lease *l, struct lease_rule *rule);

#endif
