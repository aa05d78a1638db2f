/* SPDX-License-Identifier: MIT */
/*
 * Records: what the broker knows of each pump, for the broker that comes when this one was killed.
 * The next broker believes a record, and not what the pump says of its client, its leases and its
 * rules. Each pump has a file, which is written before the pump is told anything, in a folder that
 * only the broker's user may look into.
 *
 * The first page of a file is mapped: charges are plain stores, each of one word. Leases and rules
 * are entries of one size, which divides a page, and each is written at once. So the broker is
 * never killed when half of a word or of an entry is written.
 *
 * The broker that reads a record may be of the next release, or of the release before. So the first
 * page and an entry of either kind only grow at their end, into what is zero.
 */
#ifndef ZCRXD_RECORD_H
#define ZCRXD_RECORD_H

#include <stdbool.h>
#include <sys/types.h>

#include "daemon/grant/identity.h"
#include "daemon/link/link.h"
#include "nic/reach.h"
#include "nic/rule.h"

#define RECORD_ENTRY_BYTES 128

enum record_what {
	RECORD_NOTHING,
	RECORD_LEASE,
	RECORD_RULE
};

struct record_entry {
	uint32_t what;      /* enum record_what */
	uint32_t id, lease; /* numbers of the entry's object and its lease in messages of the link;
			       for a lease both are the same */
	uint32_t told;      /* of a rule: 1 if the pump was told last that it brings no packets */
	union {
		struct {
			char nic[16];
			uint32_t ifindex, n;
			uint32_t rxqs[LINK_RXQS_MAX];
			uint32_t given_up; /* 1: a hand may register the queues later (held.h) */
		} as_lease;
		struct {
			struct nic_rule match;
			struct nic_place place; /* where the local address was when the rule was
						   judged */
		} as_rule;
		uint8_t room[RECORD_ENTRY_BYTES - 16];
	};
};

struct record {
	pid_t pump;
	uint64_t started; /* when the process was started, in ticks since the boot */
	uint32_t id;      /* number of its client */
	struct client_identity who;
	struct policy_identity is; /* its groups are on the heap */
};

/* The file of one pump. */
struct record_file;

/* Makes the file, and looks up r->started. Returns 0 or a negative errno. */
int record_write(struct record_file **ret, const char *dir, struct record *r);
struct record_file *record_close(struct record_file *f);
void record_remove(const char *dir, pid_t pump);

/* The functions below do nothing, and return 0, if f is NULL: the pump has no record. */

/* From now on this amount is charged, of a kind or in flight. */
void record_charge(struct record_file *f, uint32_t kind, uint64_t amount);
void record_flight(struct record_file *f, uint32_t n);
uint64_t record_charged(const struct record_file *f, uint32_t kind);
uint32_t record_in_flight(const struct record_file *f);

/*
 * Adds an entry, whose number is *ret; replaces the entry of that number; strikes it. They return 0
 * or a negative errno.
 */
int record_add(struct record_file *f, const struct record_entry *e, uint32_t *ret);
int record_put(struct record_file *f, uint32_t number, const struct record_entry *e);
void record_strike(struct record_file *f, uint32_t number);

/* Reads the entry of this number. Returns false if there are no further ones. */
bool record_get(const struct record_file *f, uint32_t number, struct record_entry *ret);

/*
 * Calls `found` with each record whose pump runs, its file, and a pidfd of the pump. It returns
 * true if it took file, pidfd and the record's groups over. If it returns false they are freed
 * here, and the file is removed, as are files that make no sense or whose pump has ended.
 */
void records_read(const char *dir,
		  bool (*found)(struct record *r, struct record_file *f, int pidfd, void *data),
		  void *data);

#endif
