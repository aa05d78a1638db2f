/* SPDX-License-Identifier: MIT */
#include "proto/backend.h"

#include <stdio.h>
#include <string.h>

#include "base/size.h"

static const struct {
	uint32_t number;
	const char *name;
} backends[] = {
#define X(NAME, number, name, leased) {number, name},
	BACKEND_TABLE(X)
#undef X
};

const char *backend_name(uint32_t number)
{
	for (size_t i = 0; i < ARRAY_LENGTH(backends); i++)
		if (backends[i].number == number)
			return backends[i].name;
	return "unknown";
}

uint32_t backend_find(const char *name)
{
	for (size_t i = 0; i < ARRAY_LENGTH(backends); i++)
		if (strcmp(backends[i].name, name) == 0)
			return backends[i].number;
	return MSG_BACKEND_AUTO;
}

void backend_names(uint32_t set, const char *between, char *ret, size_t bytes)
{
	size_t used = 0;
	*ret = '\0';
	for (size_t i = ARRAY_LENGTH(backends); i-- > 0 && used < bytes;)
		if (set & 1u << backends[i].number)
			used += (size_t)snprintf(ret + used, bytes - used, "%s%s",
						 used ? between : "", backends[i].name);
}
