// SPDX-License-Identifier: MIT
/*
 * zcrxd.conf: arbitrary text is either taken, and then printed as a file that means the same, or
 * refused with a message. The input is the file.
 */
#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "../../daemon/config.h"
#include "fuzz.h"

/* A file without a name; its path stands in path. */
static int file_new(char *path, size_t room)
{
	int fd = memfd_create("fuzz", MFD_CLOEXEC);
	MUST(fd >= 0);
	snprintf(path, room, "/proc/self/fd/%d", fd);
	return fd;
}

/* Reads the file over the defaults; what is said meanwhile counts. */
static int read_config(struct config *ret, const char *path, size_t *ret_said)
{
	FILE *console = stderr;
	char *text = NULL;
	MUST(config_init(ret) == 0);
	FILE *said = open_memstream(&text, ret_said);
	MUST(said);
	stderr = said;
	int r = config_read(ret, path);
	stderr = console;
	fclose(said);
	free(text);
	return r;
}

static int text_same(const char *a, const char *b)
{
	return strcmp(a ? a : "", b ? b : "") == 0;
}

static void same(const struct config *a, const struct config *b)
{
	MUST(text_same(a->clients, b->clients) && text_same(a->status, b->status) &&
	     text_same(a->group, b->group));
	MUST(a->mode == b->mode && a->limits.host_flows == b->limits.host_flows);
	MUST(memcmp(a->limits.most, b->limits.most, sizeof(a->limits.most)) == 0);
	MUST(a->limits.requests_per_second == b->limits.requests_per_second);
}

/* Printed and read again. */
static void goes_round(const struct config *c)
{
	char path[32];
	size_t said;
	struct config again;
	int fd = file_new(path, sizeof(path));
	FILE *f = fopen(path, "we");
	MUST(f);
	config_print(c, f);
	MUST(fclose(f) == 0);
	MUST(read_config(&again, path, &said) == 0 && said == 0);
	same(c, &again);
	config_done(&again);
	close(fd);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char path[32];
	size_t said;
	struct config c;
	int fd = file_new(path, sizeof(path));
	MUST(write(fd, data, size) == (ssize_t)size);
	int r = read_config(&c, path, &said);
	MUST(r == 0 || r == -EINVAL);
	MUST((r == 0) == (said == 0));
	if (r == 0)
		goes_round(&c);
	config_done(&c);
	close(fd);
	return 0;
}
