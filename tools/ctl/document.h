/* SPDX-License-Identifier: MIT */
/* Fetches the daemon's status document, and looks into it. */
#ifndef CTL_DOCUMENT_H
#define CTL_DOCUMENT_H

#include <json-c/json.h>
#include <stdint.h>

/*
 * Connects to the status socket and reads the document, which the caller frees by
 * json_object_put(). Returns 0, the negative errno of connect(2) or read(2), or -EBADMSG if it is
 * no JSON object.
 */
int document_read(struct json_object **ret, const char *path);

/* Connects to the status socket. Returns the descriptor or a negative errno. */
int document_connect(const char *path);

/*
 * A member of an object; 0, "" or NULL if it is not there. Strings, objects and arrays belong to
 * the object.
 */
uint64_t document_number(struct json_object *o, const char *key);
const char *document_text(struct json_object *o, const char *key);
struct json_object *document_object(struct json_object *o, const char *key);
struct json_object *document_array(struct json_object *o, const char *key);

/*
 * How many elements an array has, 0 for NULL; its i-th element; its element with the same "id" as
 * `like`, or NULL.
 */
size_t document_length(struct json_object *array);
struct json_object *document_at(struct json_object *array, size_t i);
struct json_object *document_same(struct json_object *array, struct json_object *like);

#endif
