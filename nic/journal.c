/* SPDX-License-Identifier: MIT */
#include "nic/journal.h"

#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define PREFIX    "/nic-"
#define SUFFIX    ".json"
#define BYTES_MAX (20 << 20) /* the largest file; most of it are rules */
#define ASIDE_MAX 9
#define BOOT_ID   "/proc/sys/kernel/random/boot_id"

static int path_make(char path[JOURNAL_PATH_BYTES], const char *dir, const char *nic,
		     const char *end)
{
	int n = snprintf(path, JOURNAL_PATH_BYTES, "%s" PREFIX "%s" SUFFIX "%s", dir, nic, end);

	return n < JOURNAL_PATH_BYTES ? 0 : -ENAMETOOLONG;
}

/* Writes the folder to disk, so that renaming in it survives a crash. */
static int dir_sync(const char *dir)
{
	int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	int r = fd < 0 || fsync(fd) < 0 ? -errno : 0;

	if (fd >= 0)
		close(fd);
	return r;
}

static int write_all(int fd, const char *text, size_t bytes)
{
	while (bytes > 0) {
		ssize_t n = write(fd, text, bytes);

		if (n < 0 && errno != EINTR)
			return -errno;
		text += n > 0 ? n : 0;
		bytes -= n > 0 ? (size_t)n : 0;
	}
	return 0;
}

static int rules_write(int fd, const struct nic_before *b)
{
	char line[RULE_LINE_BYTES];
	int r = 0;

	for (uint32_t i = 0; r == 0 && i < b->n_rules; i++) {
		rule_line_print(line, &b->rules[i]);
		r = write_all(fd, line, sizeof(line));
	}
	return r;
}

static int file_write(const char *path, const char *text, const struct nic_before *b)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0644);
	int r = fd < 0 ? -errno : write_all(fd, text, strlen(text));

	if (r == 0)
		r = rules_write(fd, b);
	if (r == 0 && fsync(fd) < 0)
		r = -errno;
	if (fd >= 0 && close(fd) < 0 && r == 0)
		r = -errno;
	return r;
}

int journal_write(const char *dir, const struct nic_before *b)
{
	char path[JOURNAL_PATH_BYTES], new[JOURNAL_PATH_BYTES];
	int r = path_make(path, dir, b->name, "");
	char *text;

	if (r == 0)
		r = path_make(new, dir, b->name, ".new");
	if (r < 0)
		return r;
	text = nic_before_print(b);
	r = text ? file_write(new, text, b) : -ENOMEM;
	free(text);
	if (r == 0 && rename(new, path) < 0)
		r = -errno;
	return r < 0 ? r : dir_sync(dir);
}

int journal_remove(const char *dir, const char *nic)
{
	char path[JOURNAL_PATH_BYTES];
	int r = path_make(path, dir, nic, "");

	if (r == 0 && unlink(path) < 0)
		r = -errno;
	return r < 0 ? r : dir_sync(dir);
}

/* Reads the file. The caller frees the text. */
static int file_read(const char *path, char **ret, size_t *ret_bytes, char why[FIELDS_WHY_BYTES])
{
	int fd = open(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC), r = 0;
	struct stat st = {0};
	char *text = NULL;
	size_t got = 0;
	ssize_t n = 1;

	if (fd < 0 || fstat(fd, &st) < 0) {
		r = -errno;
	} else if (!S_ISREG(st.st_mode) || st.st_size > BYTES_MAX) {
		snprintf(why, FIELDS_WHY_BYTES, "it is no file of up to %d bytes", BYTES_MAX);
		r = -EBADMSG;
	} else {
		text = malloc((size_t)st.st_size + 1);
		r = text ? 0 : -ENOMEM;
	}
	while (r == 0 && n != 0 && got < (size_t)st.st_size) {
		n = read(fd, text + got, (size_t)st.st_size - got);
		r = n < 0 && errno != EINTR ? -errno : 0;
		got += n > 0 ? (size_t)n : 0;
	}
	if (fd >= 0)
		close(fd);
	if (r < 0) {
		free(text);
		return r;
	}
	*ret = text;
	*ret_bytes = got;
	return 0;
}

int journal_read(const char *dir, const char *nic, struct nic_before *ret,
		 char why[FIELDS_WHY_BYTES])
{
	char path[JOURNAL_PATH_BYTES], *text;
	struct nic_before b = {0};
	size_t bytes;
	int r = path_make(path, dir, nic, "");

	if (r == 0)
		r = file_read(path, &text, &bytes, why);
	if (r < 0)
		return r;
	memcpy(b.name, nic, strnlen(nic, sizeof(b.name) - 1));
	r = nic_before_parse(&b, text, bytes, why);
	free(text);
	if (r == 0)
		*ret = b;
	return r;
}

int journal_open(const char *dir, const char *nic, int *ret_fd)
{
	char path[JOURNAL_PATH_BYTES];
	int r = path_make(path, dir, nic, ""), fd;

	if (r < 0)
		return r;
	fd = open(path, O_RDWR | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	*ret_fd = fd;
	return 0;
}

int journal_set_aside(const char *dir, const char *nic, char ret_path[JOURNAL_PATH_BYTES])
{
	char path[JOURNAL_PATH_BYTES], end[4];
	int r = path_make(path, dir, nic, "");

	for (int i = 1; r == 0 && i <= ASIDE_MAX; i++) {
		snprintf(end, sizeof(end), ".%d", i);
		r = path_make(ret_path, dir, nic, end);
		if (r == 0 && access(ret_path, F_OK) < 0)
			break;
	}
	if (r == 0 && rename(path, ret_path) < 0)
		r = -errno;
	return r < 0 ? r : dir_sync(dir);
}

int journal_boot(char ret[BOOT_ID_BYTES])
{
	int fd = open(BOOT_ID, O_RDONLY | O_CLOEXEC);
	ssize_t n = fd < 0 ? -1 : read(fd, ret, BOOT_ID_BYTES - 1);
	int r = n < 0 ? -errno : n < BOOT_ID_BYTES - 1 ? -EIO : 0;

	if (fd >= 0)
		close(fd);
	if (r == 0)
		ret[BOOT_ID_BYTES - 1] = '\0';
	return r;
}

void journal_list(const char *dir, void (*found)(void *arg, const char *nic), void *arg)
{
	char pattern[JOURNAL_PATH_BYTES], nic[IF_NAMESIZE];
	glob_t files;

	if (path_make(pattern, dir, "*", "") < 0)
		return;
	/* NOLINTNEXTLINE(concurrency-mt-unsafe): the pattern names no user (~) */
	if (glob(pattern, 0, NULL, &files) != 0)
		return;
	for (size_t i = 0; i < files.gl_pathc; i++) {
		const char *name = strrchr(files.gl_pathv[i], '/') + strlen(PREFIX);
		size_t n = strlen(name) - strlen(SUFFIX);

		if (n == 0 || n >= sizeof(nic))
			continue;
		memcpy(nic, name, n);
		nic[n] = '\0';
		found(arg, nic);
	}
	globfree(&files);
}
