/* SPDX-License-Identifier: MIT */
#include "journal.h"

#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <json.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "log.h"
#include "util.h"

#define PATH_BYTES 512

static int path_make(char path[PATH_BYTES], const char *dir, const char *nic, const char *end)
{
	int n = snprintf(path, PATH_BYTES, "%s/nic-%s.json%s", dir, nic, end);
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
	json_object_object_add(o, "nic", json_object_new_string(b->name));
	json_object_object_add(o, "split", json_object_new_int(b->split));
	json_object_object_add(o, "threshold", json_object_new_int64(b->threshold));
	json_object_object_add(o, "ntuple", json_object_new_boolean(b->ntuple));
	json_object_object_add(o, "rss", b->rss ? numbers(b->rss, b->rss_entries) : NULL);
	json_object_object_add(o, "queues", numbers(b->queues, b->n_queues));
	return o;
}

int journal_write(const char *dir, const struct nic_before *b)
{
	char path[PATH_BYTES], new[PATH_BYTES];
	int r = path_make(path, dir, b->name, "");
	if (r == 0)
		r = path_make(new, dir, b->name, ".new");
	if (r < 0)
		return r;
	struct json_object *o = to_json(b);
	if (json_object_to_file(new, o) < 0 || rename(new, path) < 0)
		r = errno ? -errno : -EIO;
	json_object_put(o);
	return r;
}

void journal_remove(const char *dir, const char *nic)
{
	char path[PATH_BYTES];
	if (path_make(path, dir, nic, "") == 0)
		unlink(path);
}

static bool numbers_take(struct json_object *o, const char *key, uint32_t **ret, uint32_t *ret_n)
{
	struct json_object *a = NULL;
	if (!json_object_object_get_ex(o, key, &a))
		return false;
	if (!a)
		return true;
	if (!json_object_is_type(a, json_type_array))
		return false;
	size_t n = json_object_array_length(a);
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
	struct json_object *name, *split, *threshold, *ntuple;
	if (!json_object_object_get_ex(o, "nic", &name) ||
	    !json_object_object_get_ex(o, "split", &split) ||
	    !json_object_object_get_ex(o, "threshold", &threshold) ||
	    !json_object_object_get_ex(o, "ntuple", &ntuple))
		return false;
	snprintf(b->name, sizeof(b->name), "%s", json_object_get_string(name));
	b->split = json_object_get_int(split);
	b->threshold = (uint32_t)json_object_get_int64(threshold);
	b->ntuple = json_object_get_boolean(ntuple);
	return numbers_take(o, "rss", &b->rss, &b->rss_entries) &&
	       numbers_take(o, "queues", &b->queues, &b->n_queues);
}

static void file_read(const char *path, void (*found)(const struct nic_before *b))
{
	struct nic_before b = {0};
	struct json_object *o = json_object_from_file(path);
	if (o && from_json(o, &b))
		found(&b);
	else
		log_warn("%s cannot be read; look at the NIC's settings yourself and remove it",
			 path);
	nic_before_done(&b);
	json_object_put(o);
}

void journal_read(const char *dir, void (*found)(const struct nic_before *b))
{
	char pattern[PATH_BYTES];
	glob_t files;
	if (path_make(pattern, dir, "*", "") < 0 || glob(pattern, 0, NULL, &files) != 0)
		return;
	for (size_t i = 0; i < files.gl_pathc; i++)
		file_read(files.gl_pathv[i], found);
	globfree(&files);
}

void nic_before_done(struct nic_before *b)
{
	free(b->rss);
	free(b->queues);
	*b = (struct nic_before){0};
}
