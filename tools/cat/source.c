/* SPDX-License-Identifier: MIT */
#include "tools/cat/source.h"
#include "tools/cat/say.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/* Keeps the sentence. Returns the status. */
__attribute__((format(printf, 3, 4))) static enum cat_exit fail(struct source *s,
								enum cat_exit status,
								const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vsnprintf(s->error, sizeof(s->error), format, args);
	va_end(args);
	return status;
}

enum cat_exit source_status(int error)
{
	return error == -ECONNRESET ? CAT_NO_DAEMON : CAT_REFUSED;
}

/* sentence: or "" */
static enum cat_exit refused(struct source *s, const char *what, int error, const char *sentence)
{
	return fail(s, source_status(error), "%s: %s", what,
		    sentence[0] ? sentence : say_error(error));
}

/* zcrx_connect(3) names the errnos that say so. With any other one a zcrxd refused. */
static bool is_absence(int error)
{
	return error == -ENOENT || error == -ECONNREFUSED || error == -ENAMETOOLONG ||
	       error == -ECONNRESET || error == -ESHUTDOWN || error == -ETIMEDOUT;
}

static enum cat_exit connection_open(struct source *s)
{
	int r = zcrx_connect(&s->zcrx, NULL);

	if (r == 0)
		return CAT_OK;
	return fail(s, is_absence(r) ? CAT_NO_DAEMON : CAT_REFUSED, "%s", zcrx_error(NULL));
}

static enum cat_exit area_open(struct source *s, const struct options *o)
{
	int r = memory_open(&s->memory, s->zcrx, &o->memory);

	if (r < 0)
		return refused(s, "the memory", r, s->memory.error);
	if (!options_read(o) || memory_readable(&s->memory))
		return CAT_OK;
	return fail(s, CAT_REFUSED,
		    "the memory: no CPU can read it; use --discard, without --sha256");
}

/* Says that the payload is copied: if the user asked for a NIC's queues, or for all that happens.
 */
static void say_copy(const struct source *s, const struct options *o)
{
	struct zcrx_queue_info info = {.size = sizeof(info)};

	if (zcrx_queue_info(s->queue, &info) < 0 || info.backend != ZCRX_BACKEND_COPY)
		return;
	if (o->nic[0])
		say("no queue of %s is used, the payload is copied: %s", o->nic,
		    info.why_not[0] ? info.why_not : "-b copy uses none.");
	else if (o->verbose && info.why_not[0])
		say("no zero copy: %s", info.why_not);
}

static enum cat_exit queue_open(struct source *s, const struct options *o)
{
	struct zcrx_queue_options options = {
		.size = sizeof(options),
		.backend = o->backend,
		.flags = o->zero_copy ? ZCRX_QUEUE_NO_COPY : 0,
	};
	int r;

	strncpy(options.nic, o->nic, sizeof(options.nic) - 1);
	r = zcrx_queue_open(s->zcrx, &s->queue, s->memory.area, &options);
	if (r < 0)
		return refused(s, "the queue", r, zcrx_error(s->zcrx));
	say_copy(s, o);
	return CAT_OK;
}

enum cat_exit source_open(struct source *s, const struct options *o)
{
	enum cat_exit status = connection_open(s);

	if (status == CAT_OK)
		status = area_open(s, o);
	return status == CAT_OK ? queue_open(s, o) : status;
}

void source_close(struct source *s)
{
	zcrx_close(s->zcrx);
	memory_done(&s->memory);
}
