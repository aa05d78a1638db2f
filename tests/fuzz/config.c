// SPDX-License-Identifier: MIT
/*
 * zcrxd.conf: arbitrary text is either taken, and then printed as a file that means the same, or
 * refused with a message. The input is the file.
 */
#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "policy/config_file.h"
#include "policy/sections.h"
#include "proto/reason.h"
#include "tests/fuzz/fuzz.h"

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

static char *printed(const struct config *c)
{
	char *text = NULL;
	size_t len;
	FILE *f = open_memstream(&text, &len);
	MUST(f);
	config_print(c, f);
	MUST(fclose(f) == 0);
	return text;
}

static void same(const struct config *a, const struct config *b)
{
	char *one = printed(a), *other = printed(b);
	MUST(config_same_start(a, b));
	MUST(strcmp(one, other) == 0);
	free(one);
	free(other);
}

/* No address, user or request makes a class that was taken stumble. */
static void judges(const struct policy *p, const uint8_t *data, size_t size)
{
	struct policy_request r = {.nic = "eth0"};
	struct policy_identity who = {0};
	size_t n = size < sizeof(r.local) ? size : sizeof(r.local);
	memcpy(&r.local, data, n);
	memcpy(&r.remote, data + size - n, n);
	memcpy(&who.uid, data, n < sizeof(who.uid) ? n : sizeof(who.uid));
	r.backend = r.rxq = r.local.port;
	MUST(policy_class_of(p, &who));
	for (const struct policy_class *c = p->classes; c; c = c->next)
		for (int i = 0; i < 16; i++) {
			r.what = (enum policy_what)(i % 4);
			r.listening = i & 4;
			r.receive_only = i & 8;
			struct policy_verdict v = policy_judge(c, &r);
			MUST(v.why && (v.reason == REASON_NONE) == !*v.why);
		}
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
	if (r == 0) {
		goes_round(&c);
		judges(&c.policy, data, size);
	}
	config_done(&c);
	close(fd);
	return 0;
}
