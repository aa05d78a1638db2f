/* SPDX-License-Identifier: MIT */
#include "tests/kernel/die.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

static _Noreturn void end(int status, const char *before, const char *format, va_list args)
	__attribute__((format(printf, 3, 0)));

static void end(int status, const char *before, const char *format, va_list args)
{
	fputs(before, stderr);
	vfprintf(stderr, format, args);
	fputc('\n', stderr);
	exit(status);
}

void die(const char *format, ...)
{
	va_list args;
	va_start(args, format);
	end(1, "", format, args);
}

void skip(const char *format, ...)
{
	va_list args;
	va_start(args, format);
	end(77, "skip: ", format, args);
}
