/* SPDX-License-Identifier: MIT */
/*
 * What a client may do: classes, who belongs to which, and the decision on each request. Nothing
 * here asks anybody or touches anything; the daemon judges with it, zcrxctl(8) tells what it would
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

#define POLICY_DEFAULT    "default" /* the class of those that match no other */
#define POLICY_NAME_BYTES 32

/* From first to last, both included. */
struct policy_span {
	uint32_t first, last;
};

struct policy_ids {
	struct policy_span *spans;
	uint32_t n;
};

struct policy_nic {
	char name[IF_NAMESIZE];
	struct policy_ids queues; /* none: all that zcrxd has */
};

struct policy_nics {
	struct policy_nic *nics;
	uint32_t n;
};

enum policy_host {
	POLICY_HOST_NO,
	POLICY_HOST_RECEIVE_ONLY, /* as far as local and remote go */
	POLICY_HOST_YES
};

struct policy_class {
	struct policy_class *next;
	char name[POLICY_NAME_BYTES];
	int line; /* of the file, where it begins; 0: not there */
	/* Who: those that connect to its socket; or, on the shared one, any of these. */
	char *socket, *group; /* NULL: none; the process's own */
	gid_t gid;            /* the group's, once it is looked up; -1: none */
	mode_t mode;
	struct policy_ids users, groups;
	struct limits limits;
	uint32_t backends; /* enum backend_set */
	struct policy_nics nics;
	/* Of what may be steered, and received with sockets of the daemon's namespace. */
	struct range_list local, remote;
	enum policy_host host;
	bool udmabuf; /* made for clients that may not themselves */
};

struct policy {
	struct policy_class *classes; /* the first is POLICY_DEFAULT, the others as in the file */
};

/* POLICY_DEFAULT alone. Returns 0 or -ENOMEM. */
int policy_init(struct policy *p);
void policy_done(struct policy *p);

/* The class of a name; made, with the defaults, if there is none. NULL without memory. */
struct policy_class *policy_class_get(struct policy *p, const char *name);
struct policy_class *policy_class_find(const struct policy *p, const char *name);

struct policy_identity {
	const char *socket; /* the class whose socket was connected to; NULL: the shared one */
	uid_t uid;
	gid_t gid;
	const gid_t *groups; /* supplementary ones */
	uint32_t group_count;
};

/* NULL if the socket's class is not there any more. */
const struct policy_class *policy_class_of(const struct policy *p,
					   const struct policy_identity *who);

enum policy_what {
	POLICY_BACKEND, /* a queue of this backend */
	POLICY_LEASE,   /* a hardware queue */
	POLICY_STEER,   /* packets of these addresses to it */
	POLICY_FLOW     /* a socket of the daemon's network namespace */
};

struct policy_request {
	enum policy_what what;
	uint32_t backend;
	const char *nic;
	uint32_t rxq;
	bool listening; /* then nothing is said of remote */
	bool receive_only;
	struct msg_addr local, remote; /* port 0 of local: any that is free */
};

/* REASON_NONE, or why not with a sentence, a constant. */
struct policy_verdict {
	uint32_t reason;
	const char *why;
};

struct policy_verdict policy_judge(const struct policy_class *c, const struct policy_request *r);

/* May it lease any queue of any NIC, or of this one? */
bool policy_leases(const struct policy_class *c, const char *nic);

/*
 * Are only some remote addresses to be steered? Then a listening socket is not, and each of its
 * connections is judged by itself.
 */
bool policy_steers_each(const struct policy_class *c, const struct msg_addr *local);

/* May a connection be kept that a receive-only listener of the daemon's accepted? */
bool policy_accepts(const struct policy_class *c, const struct msg_addr *remote);

bool policy_ids_have(const struct policy_ids *ids, uint32_t id);

/* For a connection whose class is no more: it may do nothing new. */
extern const struct policy_class policy_nobody;

#endif
