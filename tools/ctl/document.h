/* SPDX-License-Identifier: MIT */
/* The daemon's status document: fetching it, and looking into it. */
#ifndef CTL_DOCUMENT_H
#define CTL_DOCUMENT_H

#include <json-c/json.h>
#include <stdint.h>

/*
 * Connects to the status socket and reads the document. The caller puts *ret. Returns 0, what
 * connect(2) and read(2) fail with, or -EBADMSG when it is not a JSON object.
 */
int document_read(struct json_object **ret, const char *path);

/* A member of an object; 0, "" or NULL when it is not there. Strings and arrays live with it. */
uint64_t document_number(struct json_object *o, const char *key);
const char *document_text(struct json_object *o, const char *key);
struct json_object *document_array(struct json_object *o, const char *key);

/* How many elements, 0 for NULL; the i-th of them; the one with the "id" that like has, or NULL. */
size_t document_length(struct json_object *array);
struct json_object *document_at(struct json_object *array, size_t i);
struct json_object *document_same(struct json_object *array, struct json_object *like);

#endif
