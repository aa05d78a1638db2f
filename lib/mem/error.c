/* SPDX-License-Identifier: MIT */
#include "lib/mem/error.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <unistd.h>

#include "lib/mem/zcrx-mem.h"

static _Thread_local char sentence[256];

const char *zcrx_mem_error(void)
{
	return sentence;
}

int mem_refuse(int error, const char *format, ...)
{
	va_list args;
	errno = -error;
	va_start(args, format);
	vsnprintf(sentence, sizeof(sentence), format, args);
	va_end(args);
	return error;
}

int mem_device(const char *path, const char *remedy)
{
	int fd = open(path, O_RDWR | O_CLOEXEC);
	if (fd >= 0)
		return fd;
	switch (errno) {
	case ENOENT:
	case ENODEV:
	case ENXIO:
		return mem_refuse(-ENOENT, "There is no %s: %s.", path, remedy);
	case EACCES:
	case EPERM:
		return mem_refuse(-EACCES,
				  "You may not open %s: join the group it belongs to, or have "
				  "it given to one of yours.",
				  path);
	default:
		return mem_refuse(-errno, "%s cannot be opened: %m.", path);
	}
}

int mem_pages(size_t *ret, size_t bytes)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE);
	if (bytes == 0 || bytes > SIZE_MAX / 2 - page)
		return mem_refuse(-EINVAL, "Memory needs a length, and one that can be.");
	*ret = (bytes + page - 1) / page * page;
	return 0;
}
