/* SPDX-License-Identifier: MIT */
/*
 * What the broker knows of each pump, in files of its own, for the broker that comes after one that
 * was killed: what a pump says of its client, its leases and its rules then is not believed. One
 * file for each pump, written before the pump is told anything, in a folder that only the broker's
 * user may look into.
 *
 * The first page is mapped: charges are plain stores, each of one word. Leases and rules are
 * entries of one size, which divides a page, and each is one write: so the process is never killed
 * in the middle of one.
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
	uint32_t id, lease; /* the numbers of the link; for a lease both are the same */
	uint32_t told;      /* of a rule: the pump was told last that it brings no packets */
	union {
		struct {
			char nic[16];
			uint32_t ifindex, n;
			uint32_t rxqs[LINK_RXQS_MAX];
		} as_lease;
		struct {
			struct nic_rule match;
			struct nic_place place; /* of the local address, when the rule was judged */
		} as_rule;
		uint8_t room[RECORD_ENTRY_BYTES - 16];
	};
};

struct record {
	pid_t pump;
	uint64_t started; /* when the process was, in ticks since the boot */
	uint32_t id;      /* its client's number */
	struct client_identity who;
	struct policy_identity is; /* its groups are on the heap */
};

/* The file of one pump. */
struct record_file;

/* The pump's start is looked up here. Returns 0 or a negative errno. */
int record_write(struct record_file **ret, const char *dir, struct record *r);
struct record_file *record_close(struct record_file *f);
void record_remove(const char *dir, pid_t pump);

/* The functions below do nothing, and return 0, if f is NULL: that pump does not outlive a broker.
 */

/* This is charged now, of a kind or in flight. */
void record_charge(struct record_file *f, uint32_t kind, uint64_t amount);
void record_flight(struct record_file *f, uint32_t n);
uint64_t record_charged(const struct record_file *f, uint32_t kind);
uint32_t record_in_flight(const struct record_file *f);

/* Adds an entry, or replaces or strikes one. *ret is its number. Returns 0 or a negative errno. */
int record_add(struct record_file *f, const struct record_entry *e, uint32_t *ret);
int record_put(struct record_file *f, uint32_t number, const struct record_entry *e);
void record_strike(struct record_file *f, uint32_t number);

/* Reads the entry of this number. Returns false if there are no further ones. */
bool record_get(const struct record_file *f, uint32_t number, struct record_entry *ret);

/*
 * Calls `found` with each record whose pump still runs, its file, and a pidfd of it; takes back
 * what it returns false for, and what says nothing: these files are removed. found takes the file,
 * the pidfd and the groups over, and returns false if it left them.
 */
void records_read(const char *dir,
		  bool (*found)(struct record *r, struct record_file *f, int pidfd, void *data),
		  void *data);

#endif
