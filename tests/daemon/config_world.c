/* SPDX-License-Identifier: MIT */
#include "tests/daemon/config_world.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "policy/config_file.h"

struct config config;
char path[] = "/tmp/zcrxd-config-XXXXXX";
char said[4096];

int setup(void **state)
{
	(void)state;
	strcpy(path, "/tmp/zcrxd-config-XXXXXX");
	int fd = mkstemp(path);
	assert_true(fd >= 0);
	close(fd);
	return config_init(&config);
}

int teardown(void **state)
{
	(void)state;
	config_done(&config);
	return unlink(path);
}

const struct policy_class *rest(void)
{
	return policy_class_find(&config.policy, POLICY_DEFAULT);
}

/* Reads the text as a configuration; what it printed is in `said`. */
int read_text(const char *text)
{
	FILE *f = fopen(path, "we"), *err = tmpfile();
	assert_true(f && err);
	assert_true(fputs(text, f) >= 0);
	assert_int_equal(fclose(f), 0);
	fflush(stderr);
	int saved = dup(STDERR_FILENO);
	dup2(fileno(err), STDERR_FILENO);
	int r = config_read(&config, path);
	fflush(stderr);
	dup2(saved, STDERR_FILENO);
	close(saved);
	rewind(err);
	said[fread(said, 1, sizeof(said) - 1, err)] = '\0';
	fclose(err);
	return r;
}

/* The text is refused, at this line (0: without one), with these words. */
void refused(const char *text, int line, const char *words)
{
	char where[64];
	config_done(&config);
	assert_int_equal(config_init(&config), 0);
	snprintf(where, sizeof(where), line ? "%s:%d: " : "%s: ", path, line);
	assert_int_equal(read_text(text), -EINVAL);
	if (!strstr(said, where) || !strstr(said, words))
		fail_msg("said \"%s\", not \"%s...%s\"", said, where, words);
}
