/* SPDX-License-Identifier: MIT */
#include "tools/cat/say.h"

#include "proto/text.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

void say(const char *format, ...)
{
	va_list args;

	char line[1024];

	va_start(args, format);
	vsnprintf(line, sizeof(line), format, args);
	va_end(args);
	text_clean(line, "\n");
	fprintf(stderr, "zcrx-cat: %s\n", line);
}

const char *say_error(int error)
{
	const char *text = strerrordesc_np(-error);

	return text ? text : "unknown error";
}
