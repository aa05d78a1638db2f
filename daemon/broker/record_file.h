/* SPDX-License-Identifier: MIT */
/*
 * The open file of a record (record.h): what its pump is charged, and its leases and rules.
 *
 * The first page is mapped: charges are plain stores, each of one word. Leases and rules are
 * entries of one size, which divides a page, and each is written at once. So the broker is never
 * killed when half of a word or of an entry is written. The number of an entry that was struck is
 * used again.
 *
 * Threads that work on several leases of a pump may add and strike entries at the same time.
 */
#ifndef ZCRXD_RECORD_FILE_H
#define ZCRXD_RECORD_FILE_H

#include <stdbool.h>
#include <stdint.h>

#include "daemon/link/link.h"
#include "nic/journal.h"
#include "nic/reach.h"
#include "nic/rule.h"
#include "policy/policy.h"

#define RECORD_PAGE_BYTES  4096
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
			/*
			 * 1 if the lease has ended and the kernel may still have its queues, or if
			 * a hand that may still register them was at work (`hand`). Older brokers
			 * read only this field, and keep the lease until the pump ends.
			 */
			uint32_t given_up;
			uint32_t ended;
			uint64_t hand_started; /* as process.h has it */
			int32_t hand;          /* the process id of that hand; or 0 */
		} as_lease;
		struct {
			struct nic_rule match;
			struct nic_place place; /* where the local address was when the rule was
						   judged */
		} as_rule;
		uint8_t room[RECORD_ENTRY_BYTES - 16];
	};
};

/* The first page. The pump's groups come next, then from a page's beginning on the entries. */
struct record_page {
	uint32_t magic, id;
	uint64_t started;
	uint32_t groups;
	int32_t pid;
	uint32_t uid, gid;
	char socket[POLICY_NAME_BYTES], class[POLICY_NAME_BYTES];
	uint64_t charged[LINK_AMOUNTS]; /* by enum account_kind */
	uint64_t in_flight;
	char boot[BOOT_ID_BYTES]; /* the kernel's boot_id; "": an older broker wrote it */
};

/* The file of one pump. */
struct record_file;

/*
 * Takes the descriptor over, on success only. The file has its first page, with so many groups,
 * and may have entries. Returns 0 or a negative errno.
 */
int record_open(struct record_file **ret, int fd, uint32_t groups);
struct record_file *record_close(struct record_file *f);

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

#endif
