// SPDX-License-Identifier: MIT
#include "tests/fuzz/left.h"

#include "tests/fuzz/fuzz.h"

void left_unmapped(void)
{
	char line[512];
	FILE *f = fopen("/proc/self/maps", "re");
	MUST(f);
	while (fgets(line, sizeof(line), f))
		MUST(!strstr(line, "memfd:") && !strstr(line, "[io_uring]"));
	fclose(f);
}
