/* SPDX-License-Identifier: MIT */
/*
 * What a client may do: classes, who belongs to which, and the decision on each request. Nothing
 * here asks anybody or touches anything; zcrxd judges with it, zcrxctl(8) tells what it would
 * say. What a class gets at most is not decided here but charged (account.h).
 *
 * Who is of a class is known from the socket that was connected to and from what the kernel says of
 * the process (identity.h), never from what a client says of itself.
 */
#ifndef ZCRXD_POLICY_H
#define ZCRXD_POLICY_H

#include <net/if.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "policy/limits.h"
#include "policy/range.h"
#include "proto/msg.h"

#define POLICY_DEFAULT    "default" /* the class of whoever matches no other */
#define POLICY_NAME_BYTES 32

/*
 * How many ranges `local` and `remote` of a class have together at most. zcrxd sends all of them to
 * each pump of the class, and does not wait for a pump to read: daemon/broker/pump_tell.c asserts
 * that so many fit.
 */
#define POLICY_RANGES_MAX 4096u

/* The numbers from first to last, both included. */
struct policy_span {
	uint32_t first, last;
};

struct policy_ids {
	struct policy_span *spans;
	uint32_t n;
};

struct policy_nic {
	char name[IF_NAMESIZE];
	struct policy_ids queues; /* empty: all queues that zcrxd has of it */
};

struct policy_nics {
	struct policy_nic *nics;
	uint32_t n;
};

enum policy_host {
	POLICY_HOST_NO,
	POLICY_HOST_RECEIVE_ONLY, /* at the addresses of `local` and `remote` */
	POLICY_HOST_YES
};

struct policy_class {
	struct policy_class *next;
	char name[POLICY_NAME_BYTES];
	int line; /* the line of the file in which the class begins; 0: it is not in the file */
	/*
	 * Who belongs to it: whoever connects to its socket, or these users and groups on the
	 * shared socket.
	 */
	char *socket, *group; /* NULL: it has no socket; the process's own group */
	int group_line;       /* the line that names the group */
	gid_t gid; /* the number of `group`, once it is looked up; -1: not yet, or none */
	mode_t mode;
	struct policy_ids users, groups;
	struct limits limits;
	uint32_t backends; /* enum backend_set */
	struct policy_nics nics;
	/*
	 * The addresses that may be steered, and used with sockets of zcrxd's network
	 * namespace.
	 */
	struct range_list local, remote;
	enum policy_host host;
	bool udmabuf; /* zcrxd makes udmabufs for clients that may not make them themselves */
};

struct policy {
	struct policy_class *classes; /* POLICY_DEFAULT, then the others in the file's order */
};

/* Makes a policy of the class POLICY_DEFAULT alone. Returns 0 or -ENOMEM. */
int policy_init(struct policy *p);
void policy_done(struct policy *p);

/* Finds the class of this name, or makes it with the defaults. Returns NULL without memory. */
struct policy_class *policy_class_get(struct policy *p, const char *name);
struct policy_class *policy_class_find(const struct policy *p, const char *name);

struct policy_identity {
	const char *socket; /* the class whose socket it connected to; NULL: the shared one */
	uid_t uid;
	gid_t gid;
	const gid_t *groups; /* the supplementary groups */
	uint32_t group_count;
};

/* The class of a client, or NULL if its socket's class is not there any more. */
const struct policy_class *policy_class_of(const struct policy *p,
					   const struct policy_identity *who);

enum policy_what {
	POLICY_BACKEND, /* a queue of this backend */
	POLICY_LEASE,   /* a hardware queue */
	POLICY_STEER,   /* packets of these addresses, to a leased hardware queue */
	POLICY_FLOW     /* a socket of zcrxd's network namespace */
};

struct policy_request {
	enum policy_what what;
	uint32_t backend;
	const char *nic;
	uint32_t rxq;
	bool listening; /* the socket listens; then `remote` does not count */
	bool receive_only;
	struct msg_addr local, remote; /* local.port 0: any port that is free */
};

/* REASON_NONE, or why the request is denied, with a sentence, which is a constant. */
struct policy_verdict {
	uint32_t reason;
	const char *why;
};

struct policy_verdict policy_judge(const struct policy_class *c, const struct policy_request *r);

/* Why there is no hardware queue for anybody, or for the class: " of " and a NIC, or twice "". */
#define POLICY_NO_QUEUES \
	"No receive queue%s%s is zcrxd's to hand out; name some in zcrxd.conf, [nic NAME]."
#define POLICY_MAY_NOT_LEASE                                                                 \
	"Your class may not lease a receive queue%s%s; the administrator can allow it with " \
	"nics= in zcrxd.conf."

/* May the class lease some queue of this NIC, or with NULL of any? */
bool policy_leases(const struct policy_class *c, const char *nic);

/*
 * May packets of only some remote addresses be steered? Then a listening socket is not steered as a
 * whole: each of its connections is judged by itself.
 */
bool policy_steers_each(const struct policy_class *c, const struct msg_addr *local);

/* May zcrxd keep a connection from this address that a receive-only listener of its accepted? */
bool policy_accepts(const struct policy_class *c, const struct msg_addr *remote);

bool policy_ids_have(const struct policy_ids *ids, uint32_t id);

/* The class of a connection whose class is not there any more. It may do nothing new. */
extern const struct policy_class policy_nobody;

#endif
