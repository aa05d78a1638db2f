/* SPDX-License-Identifier: MIT */
#include "tools/cat/report.h"

#include "base/clock.h"
#include "proto/backend.h"
#include "tools/cat/waiter.h"
#include <zcrx.h>

#include <inttypes.h>
#include <json-c/json.h>

static double zero_copy_ratio(uint64_t bytes, uint64_t copied)
{
	return bytes ? 1.0 - (double)copied / (double)bytes : 0.0;
}

/* The rate in bytes a second, from bytes and nanoseconds. */
static double rate(uint64_t bytes, uint64_t ns)
{
	return ns ? (double)bytes * (double)NS_A_SECOND / (double)ns : 0.0;
}

void report_begin(struct report *r)
{
	r->streams++;
	r->begin_ns = clock_ns();
	r->tick_ns = r->begin_ns;
	r->tick_bytes = r->bytes;
	r->tick_copied = r->bytes_copied;
}

void report_end(struct report *r)
{
	r->active_ns += clock_ns() - r->begin_ns;
}

void report_data(struct report *r, size_t bytes, bool copied)
{
	r->bytes += bytes;
	if (copied)
		r->bytes_copied += bytes;
}

int report_tick(struct report *r)
{
	uint64_t now = clock_ns(), bytes = r->bytes - r->tick_bytes;

	if (now - r->tick_ns < NS_A_SECOND)
		return (int)((NS_A_SECOND - (now - r->tick_ns)) / 1000000) + 1;
	fprintf(stderr, "%8.1f MB/s  %5.1f %% zero copy  %" PRIu64 " bytes\n",
		rate(bytes, now - r->tick_ns) / 1e6,
		100 * zero_copy_ratio(bytes, r->bytes_copied - r->tick_copied), r->bytes);
	r->tick_ns = now;
	r->tick_bytes = r->bytes;
	r->tick_copied = r->bytes_copied;
	return 1000;
}

void report_text(const struct report *r, FILE *out, const struct zcrx_queue_info *info,
		 const char *sha256)
{
	fprintf(out,
		"received %" PRIu64 " bytes in %.3f s, %.1f MB/s, backend %s, %.1f %% zero copy\n",
		r->bytes, (double)r->active_ns / (double)NS_A_SECOND,
		rate(r->bytes, r->active_ns) / 1e6, backend_name(info->backend),
		100 * zero_copy_ratio(r->bytes, r->bytes_copied));
	if (sha256[0])
		fprintf(out, "sha256 %s\n", sha256);
}

static void add(struct json_object *to, const char *key, struct json_object *value)
{
	json_object_object_add(to, key, value);
}

void report_json(const struct report *r, FILE *out, const struct zcrx_queue_info *info,
		 const char *sha256, const char *error)
{
	struct json_object *o = json_object_new_object();

	json_c_set_serialization_double_format("%.6f", JSON_C_OPTION_GLOBAL);
	add(o, "bytes", json_object_new_uint64(r->bytes));
	add(o, "seconds", json_object_new_double((double)r->active_ns / (double)NS_A_SECOND));
	add(o, "bytes_per_second", json_object_new_double(rate(r->bytes, r->active_ns)));
	add(o, "streams", json_object_new_uint64(r->streams));
	add(o, "backend", json_object_new_string(backend_name(info->backend)));
	add(o, "why_not", json_object_new_string(info->why_not ? info->why_not : ""));
	add(o, "bytes_copied", json_object_new_uint64(r->bytes_copied));
	add(o, "zero_copy_ratio",
	    json_object_new_double(zero_copy_ratio(r->bytes, r->bytes_copied)));
	add(o, "buffer_bytes", json_object_new_uint64(info->buffer_bytes));
	add(o, "completions", json_object_new_uint64(info->completions));
	add(o, "starvations", json_object_new_uint64(info->starvations));
	add(o, "wakeups", json_object_new_uint64(info->wakeups));
	add(o, "enters", json_object_new_uint64(info->enters));
	add(o, "sha256", sha256[0] ? json_object_new_string(sha256) : NULL);
	add(o, "error", error[0] ? json_object_new_string(error) : NULL);
	fprintf(out, "%s\n", json_object_to_json_string_ext(o, JSON_C_TO_STRING_PRETTY));
	json_object_put(o);
}
