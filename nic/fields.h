/* SPDX-License-Identifier: MIT */
/*
 * Reads a JSON object that may be wrong: each member that is asked for must be there, of its kind
 * and within its bounds, and there must be no other member. The first mistake is kept as a
 * sentence; values that are read after it do not count.
 */
#ifndef ZCRX_NIC_FIELDS_H
#define ZCRX_NIC_FIELDS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define FIELDS_WHY_BYTES 160

struct json_object;

struct fields {
	struct json_object *o;
	int members; /* how many members were asked for */
	char *why;   /* room for FIELDS_WHY_BYTES */
	int error;   /* 0, -EBADMSG with a sentence in why, or -ENOMEM */
};

/*
 * Begins to read the text, which must be one object and nothing else. fields_done() has to follow.
 */
void fields_init(struct fields *f, const char *text, size_t bytes, char why[FIELDS_WHY_BYTES]);

/* Ends reading. Returns the first error; a member that nobody asked for is one. */
int fields_done(struct fields *f);

__attribute__((format(printf, 2, 3))) void fields_wrong(struct fields *f, const char *format, ...);

uint32_t field_number(struct fields *f, const char *key, uint32_t least, uint32_t most);
bool field_flag(struct fields *f, const char *key);

/*
 * Reads a text of printable characters: at least `least` of them, and with its NUL at most `room`.
 */
void field_text(struct fields *f, const char *key, char *ret, size_t least, size_t room);

/* A list of numbers: at least one, unless it may be none. The caller frees it. */
struct field_list {
	bool may_be_none; /* null is allowed, and means no numbers */
	uint32_t n_most;  /* how many numbers at most */
	uint32_t most;    /* how large each number may be */
};
void field_numbers(struct fields *f, const char *key, const struct field_list *l, uint32_t **ret,
		   uint32_t *ret_n);

#endif
