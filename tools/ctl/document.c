/* SPDX-License-Identifier: MIT */
#include "tools/ctl/document.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

enum {
	PIECE_BYTES = 64 << 10
};

int document_connect(const char *path)
{
	struct sockaddr_un to = {.sun_family = AF_UNIX};
	int r, sock;

	if (strlen(path) >= sizeof(to.sun_path))
		return -ENAMETOOLONG;
	memcpy(to.sun_path, path, strlen(path));
	sock = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (sock < 0)
		return -errno;
	if (connect(sock, (const struct sockaddr *)&to, sizeof(to)) == 0)
		return sock;
	r = -errno;
	close(sock);
	return r;
}

/* Feeds the parser until the document is complete. */
static int parse_stream(struct json_tokener *parser, int sock, struct json_object **ret)
{
	static char piece[PIECE_BYTES];

	for (;;) {
		ssize_t n = read(sock, piece, sizeof(piece));
		struct json_object *o;

		if (n <= 0)
			return n < 0 ? -errno : -EBADMSG;
		o = json_tokener_parse_ex(parser, piece, (int)n);
		if (json_object_is_type(o, json_type_object)) {
			*ret = o;
			return 0;
		}
		json_object_put(o);
		if (o || json_tokener_get_error(parser) != json_tokener_continue)
			return -EBADMSG;
	}
}

int document_read(struct json_object **ret, const char *path)
{
	struct json_tokener *parser = json_tokener_new();
	int r, sock;

	if (!parser)
		return -ENOMEM;
	sock = document_connect(path);
	r = sock < 0 ? sock : parse_stream(parser, sock, ret);
	if (sock >= 0)
		close(sock);
	json_tokener_free(parser);
	return r;
}

static struct json_object *member(struct json_object *o, const char *key)
{
	struct json_object *value = NULL;

	json_object_object_get_ex(o, key, &value);
	return value;
}

uint64_t document_number(struct json_object *o, const char *key)
{
	return json_object_get_uint64(member(o, key));
}

const char *document_text(struct json_object *o, const char *key)
{
	struct json_object *value = member(o, key);

	return json_object_is_type(value, json_type_string) ? json_object_get_string(value) : "";
}

struct json_object *document_object(struct json_object *o, const char *key)
{
	struct json_object *value = member(o, key);

	return json_object_is_type(value, json_type_object) ? value : NULL;
}

struct json_object *document_array(struct json_object *o, const char *key)
{
	struct json_object *value = member(o, key);

	return json_object_is_type(value, json_type_array) ? value : NULL;
}

size_t document_length(struct json_object *array)
{
	return array ? json_object_array_length(array) : 0;
}

struct json_object *document_at(struct json_object *array, size_t i)
{
	return json_object_array_get_idx(array, i);
}

struct json_object *document_same(struct json_object *array, struct json_object *like)
{
	uint64_t id = document_number(like, "id");

	for (size_t i = 0; i < document_length(array); i++)
		if (document_number(document_at(array, i), "id") == id)
			return document_at(array, i);
	return NULL;
}
