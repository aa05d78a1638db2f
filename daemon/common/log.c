/* SPDX-License-Identifier: MIT */
#include "daemon/common/log.h"

#include <stdio.h>
#include <stdlib.h>

#include "proto/text.h"

/* The next broker sets them again, while a pump's threads read them. */
static struct {
	_Atomic bool prefixed;
	_Atomic int highest;
} settings = {.highest = 6};

void log_init(bool verbose)
{
	settings.prefixed = secure_getenv("JOURNAL_STREAM") != NULL;
	settings.highest = verbose ? 7 : 6;
}

bool log_shows(int priority)
{
	return priority <= settings.highest;
}

void log_at_list(int priority, const char *format, va_list args)
{
	if (!log_shows(priority))
		return;
	char line[512];
	vsnprintf(line, sizeof(line), format, args);
	text_clean(line, "");
	if (settings.prefixed)
		fprintf(stderr, "<%d>%s\n", priority, line);
	else
		fprintf(stderr, "zcrxd: %s\n", line);
}

void log_at(int priority, const char *format, ...)
{
	va_list args;
	va_start(args, format);
	log_at_list(priority, format, args);
	va_end(args);
}
