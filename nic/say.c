/* SPDX-License-Identifier: MIT */
#include "nic/say.h"

#include <stdarg.h>
#include <stdio.h>

#define LINE_BYTES 400

void nic_tell(nic_say say, bool trouble, const char *format, ...)
{
	char line[LINE_BYTES];
	va_list args;

	va_start(args, format);
	vsnprintf(line, sizeof(line), format, args);
	va_end(args);
	say(trouble, line);
}
