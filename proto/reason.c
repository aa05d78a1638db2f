/* SPDX-License-Identifier: MIT */
#include "proto/reason.h"

#include <errno.h>

struct entry {
	int error;
	const char *name, *text;
};

static const struct entry *find(uint32_t reason)
{
	static const struct entry table[] = {
#define X(name, number, error, text) [number] = {-(error), #name, text},
		REASON_TABLE(X)
#undef X
	};
	static const struct entry none = {0, "none", ""};
	return reason > 0 && reason < sizeof(table) / sizeof(table[0]) ? &table[reason] : &none;
}

int reason_error(uint32_t reason)
{
	return find(reason)->error;
}

const char *reason_text(uint32_t reason)
{
	return find(reason)->text;
}

const char *reason_name(uint32_t reason)
{
	return find(reason)->name;
}
