/* SPDX-License-Identifier: MIT */
/*
 * A JSON object that is not believed: every member that is asked for must be there, be of its kind
 * and within its bounds, and there must be no other. The first thing that is wrong is kept as a
 * sentence; what is read after it does not count.
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
	int members; /* that were asked for */
	char *why;   /* room for FIELDS_WHY_BYTES */
	int error;   /* 0, -EBADMSG with a sentence in why, or -ENOMEM */
};

/* The text is to be one object and nothing else. fields_done() always follows. */
void fields_init(struct fields *f, const char *text, size_t bytes, char why[FIELDS_WHY_BYTES]);

/* Returns the error; it is one as well if there are members that nobody asked for. */
int fields_done(struct fields *f);

__attribute__((format(printf, 2, 3))) void fields_wrong(struct fields *f, const char *format, ...);

uint32_t field_number(struct fields *f, const char *key, uint32_t least, uint32_t most);
bool field_flag(struct fields *f, const char *key);

/* Of printable characters, at least `least` and with its end no more than room. */
void field_text(struct fields *f, const char *key, char *ret, size_t least, size_t room);

/* At least one number, which the caller frees. */
struct field_list {
	bool may_be_none; /* null is a value, too: then there are none */
	uint32_t n_most;  /* numbers */
	uint32_t most;    /* each */
};
void field_numbers(struct fields *f, const char *key, const struct field_list *l, uint32_t **ret,
		   uint32_t *ret_n);

#endif
