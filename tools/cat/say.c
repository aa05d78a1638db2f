/* SPDX-License-Identifier: MIT */
#include "say.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

void say(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	fputs("zcrx-cat: ", stderr);
	vfprintf(stderr, format, args);
	fputc('\n', stderr);
	va_end(args);
}

const char *say_error(int error)
{
	const char *text = strerrordesc_np(-error);

	return text ? text : "unknown error";
}
