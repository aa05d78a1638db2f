/* SPDX-License-Identifier: MIT */
#include "nic/nic.h"

#include <string.h>

bool nic_name_is_valid(const char *name)
{
	size_t n = strlen(name);

	/* The kernel takes \xa0 for a blank, since to it text is Latin-1. */
	return n > 0 && n < IF_NAMESIZE && strcspn(name, "/: \t\n\v\f\r\xa0") == n &&
	       strcmp(name, ".") != 0 && strcmp(name, "..") != 0;
}
