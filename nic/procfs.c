/* SPDX-License-Identifier: MIT */
/* Reading /proc. */
#include "nic/procfs.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

FILE *procfs_open(int dir, const char *path)
{
	int fd = openat(dir, path, O_RDONLY | O_CLOEXEC);
	FILE *f = fd < 0 ? NULL : fdopen(fd, "r");
	int err = errno;

	if (!f && fd >= 0)
		close(fd);
	errno = err;
	return f;
}

int procfs_numbers(const char *path, int64_t *ret, unsigned max)
{
	char line[256], *at = line;
	unsigned n = 0;
	FILE *f;

	f = procfs_open(AT_FDCWD, path);
	if (!f)
		return -errno;
	if (!fgets(line, sizeof(line), f))
		line[0] = '\0';
	fclose(f);
	while (n < max) {
		char *end;
		long long value = strtoll(at, &end, 10);

		if (end == at)
			break;
		ret[n++] = value;
		at = end;
	}
	return (int)n;
}

int procfs_field(int dir, const char *path, const char *key, int base, uint64_t *ret)
{
	size_t n = strlen(key);
	char line[256];
	int r = -ENODATA;
	FILE *f;

	f = procfs_open(dir, path);
	if (!f)
		return -errno;
	while (r && fgets(line, sizeof(line), f)) {
		if (strncmp(line, key, n) != 0)
			continue;
		*ret = strtoull(line + n, NULL, base);
		r = 0;
	}
	fclose(f);
	return r;
}
