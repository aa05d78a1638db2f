/* SPDX-License-Identifier: MIT */
#include "daemon/common/answer.h"

#include <stdarg.h>
#include <stdio.h>

void answer_say(struct answer *a, const char *format, ...)
{
	va_list args;
	va_start(args, format);
	vsnprintf(a->text, sizeof(a->text), format, args);
	va_end(args);
}
