// SPDX-License-Identifier: MIT
#include "left.h"

#include <dirent.h>

#include "fuzz.h"

uint32_t left_files(void)
{
	uint32_t n = 0;
	DIR *d = opendir("/proc/self/fd");
	MUST(d);
	while (readdir(d))
		n++;
	closedir(d);
	return n;
}

void left_unmapped(void)
{
	char line[512];
	FILE *f = fopen("/proc/self/maps", "re");
	MUST(f);
	while (fgets(line, sizeof(line), f))
		MUST(!strstr(line, "memfd:") && !strstr(line, "[io_uring]"));
	fclose(f);
}
