/* SPDX-License-Identifier: MIT */
#include "journal.h"

#include <errno.h>
#include <glob.h>
#include <json-c/json.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define PATH_BYTES 512
#define PREFIX     "/nic-"
#define SUFFIX     ".json"

static int path_make(char path[PATH_BYTES], const char *dir, const char *nic, const char *end)
{
	int n = snprintf(path, PATH_BYTES, "%s" PREFIX "%s" SUFFIX "%s", dir, nic, end);

	return n < PATH_BYTES ? 0 : -ENAMETOOLONG;
}

static struct json_object *numbers(const uint32_t *values, uint32_t n)
{
	struct json_object *a = json_object_new_array();

	for (uint32_t i = 0; i < n; i++)
		json_object_array_add(a, json_object_new_int64(values[i]));
	return a;
}

static struct json_object *to_json(const struct nic_before *b)
{
	struct json_object *o = json_object_new_object();

	json_object_object_add(o, "split", json_object_new_int(b->split));
	json_object_object_add(o, "threshold", json_object_new_int64(b->threshold));
	json_object_object_add(o, "ntuple", json_object_new_boolean(b->ntuple));
	json_object_object_add(o, "rss", b->rss ? numbers(b->rss, b->rss_entries) : NULL);
	json_object_object_add(o, "queues", numbers(b->queues.ids, b->queues.n));
	return o;
}

int journal_write(const char *dir, const struct nic_before *b)
{
	char path[PATH_BYTES], new[PATH_BYTES];
	int r = path_make(path, dir, b->name, "");
	struct json_object *o;

	if (r == 0)
		r = path_make(new, dir, b->name, ".new");
	if (r < 0)
		return r;
	o = to_json(b);
	errno = 0;
	if (json_object_to_file(new, o) < 0 || rename(new, path) < 0)
		r = errno ? -errno : -EIO;
	json_object_put(o);
	return r;
}

int journal_remove(const char *dir, const char *nic)
{
	char path[PATH_BYTES];
	int r = path_make(path, dir, nic, "");

	return r == 0 && unlink(path) < 0 ? -errno : r;
}

static bool numbers_take(struct json_object *o, const char *key, uint32_t **ret, uint32_t *ret_n)
{
	struct json_object *a = NULL;
	size_t n;

	if (!json_object_object_get_ex(o, key, &a))
		return false;
	if (!a)
		return true;
	if (!json_object_is_type(a, json_type_array))
		return false;
	n = json_object_array_length(a);
	*ret = calloc(n + 1, sizeof(**ret));
	if (!*ret)
		return false;
	for (size_t i = 0; i < n; i++)
		(*ret)[i] = (uint32_t)json_object_get_int64(json_object_array_get_idx(a, i));
	*ret_n = (uint32_t)n;
	return true;
}

static bool from_json(struct json_object *o, struct nic_before *b)
{
	struct json_object *split, *threshold, *ntuple;

	if (!json_object_object_get_ex(o, "split", &split) ||
	    !json_object_object_get_ex(o, "threshold", &threshold) ||
	    !json_object_object_get_ex(o, "ntuple", &ntuple))
		return false;
	b->split = json_object_get_int(split);
	b->threshold = (uint32_t)json_object_get_int64(threshold);
	b->ntuple = json_object_get_boolean(ntuple);
	return numbers_take(o, "rss", &b->rss, &b->rss_entries) &&
	       numbers_take(o, "queues", &b->queues.ids, &b->queues.n);
}

int journal_read(const char *dir, const char *nic, struct nic_before *ret)
{
	char path[PATH_BYTES];
	struct json_object *o;
	int r = path_make(path, dir, nic, "");

	if (r == 0 && access(path, F_OK) < 0)
		r = -errno;
	if (r < 0)
		return r;
	*ret = (struct nic_before){0};
	memcpy(ret->name, nic, strnlen(nic, sizeof(ret->name) - 1));
	o = json_object_from_file(path);
	if (!o || !from_json(o, ret)) {
		nic_before_done(ret);
		r = -EBADMSG;
	}
	json_object_put(o);
	return r;
}

void journal_list(const char *dir, void (*found)(void *arg, const char *nic), void *arg)
{
	char pattern[PATH_BYTES], nic[IF_NAMESIZE];
	glob_t files;

	if (path_make(pattern, dir, "*", "") < 0 ||
	    glob(pattern, 0, NULL, &files) != 0) /* NOLINT(concurrency-mt-unsafe) */
		return;
	for (size_t i = 0; i < files.gl_pathc; i++) {
		const char *name = strrchr(files.gl_pathv[i], '/') + strlen(PREFIX);
		size_t n = strlen(name) - strlen(SUFFIX);

		if (n == 0 || n >= sizeof(nic))
			continue;
		memcpy(nic, name, n);
		nic[n] = '\0';
		found(arg, nic);
	}
	globfree(&files);
}

void nic_before_done(struct nic_before *b)
{
	free(b->rss);
	nic_queues_done(&b->queues);
	*b = (struct nic_before){0};
}
