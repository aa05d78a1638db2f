/* SPDX-License-Identifier: MIT */
#include "tools/cat/size.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

bool size_parse(const char *text, uint64_t *ret)
{
	static const char units[] = "KkMmGg";
	const char *unit;
	unsigned shift = 0;
	char *end;
	unsigned long long n;

	errno = 0;
	n = strtoull(text, &end, 10);
	if (errno || *text < '0' || *text > '9')
		return false;
	unit = *end ? strchr(units, *end) : NULL;
	if (unit) {
		shift = 10 * (unsigned)((unit - units) / 2 + 1);
		end++;
	}
	if (*end || n > UINT64_MAX >> shift)
		return false;
	*ret = n << shift;
	return true;
}
