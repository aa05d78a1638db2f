/* SPDX-License-Identifier: MIT */
#include "nic/holes.h"

#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define BRANCHES_MAX 3
#define RELEASE(a, b, c)          \
	{                         \
		a, b, c, UINT_MAX \
	}

/*
 * Versions of the kernel that have the hole: from the first release candidate of a version up to,
 * but without, the version that was mended.
 */
struct branch {
	unsigned major, minor; /* the version whose first candidate has the hole */
	struct kernel_version mended;
};

/*
 * The versions are those of the CVE records of the kernel's own CNA
 * (github.com/CVEProject/cvelistV5, read in November 2026). A record that names a release says
 * nothing of its candidates: they count as not mended.
 */
static const struct hole {
	const char *name, *what;
	struct branch branches[BRANCHES_MAX];
} holes[] = {
	{"CVE-2026-43121",
	 "two threads give back one buffer: writes beyond the kernel's list of free ones",
	 {{6, 15, RELEASE(6, 18, 16)}, {6, 19, RELEASE(6, 19, 6)}, {7, 0, RELEASE(7, 0, 0)}}},
	{"CVE-2026-43174",
	 "use after free when a queue cannot be opened",
	 {{6, 15, RELEASE(6, 19, 6)}, {7, 0, RELEASE(7, 0, 0)}}},
	{"CVE-2026-45995", "use after free when a queue ends", {{6, 19, RELEASE(7, 0, 4)}}},
};

#define HOLES (sizeof(holes) / sizeof(holes[0]))

/*
 * Reads the number behind this text at *at, and moves *at past both. Returns UINT_MAX if they are
 * not there.
 */
static unsigned number_after(const char **at, const char *text)
{
	size_t n = strlen(text);
	char *end;
	if (strncmp(*at, text, n) != 0 || (*at)[n] < '0' || (*at)[n] > '9')
		return UINT_MAX;
	unsigned long number = strtoul(*at + n, &end, 10);
	*at = end;
	return number < UINT_MAX ? (unsigned)number : UINT_MAX - 1;
}

static unsigned or_0(unsigned number)
{
	return number == UINT_MAX ? 0 : number;
}

struct kernel_version kernel_version_parse(const char *release)
{
	struct kernel_version v;
	v.major = or_0(number_after(&release, ""));
	v.minor = or_0(number_after(&release, "."));
	v.patch = or_0(number_after(&release, "."));
	v.rc = number_after(&release, "-rc");
	return v;
}

static int compare(struct kernel_version a, struct kernel_version b)
{
	const unsigned x[] = {a.major, a.minor, a.patch, a.rc};
	const unsigned y[] = {b.major, b.minor, b.patch, b.rc};
	for (size_t i = 0; i < 4; i++)
		if (x[i] != y[i])
			return x[i] < y[i] ? -1 : 1;
	return 0;
}

static bool is_open(const struct branch *b, struct kernel_version v)
{
	struct kernel_version first = {.major = b->major, .minor = b->minor};
	return b->major && compare(v, first) >= 0 && compare(v, b->mended) < 0;
}

uint32_t holes_of(struct kernel_version version)
{
	uint32_t set = 0;
	for (size_t i = 0; i < HOLES; i++)
		for (size_t k = 0; k < BRANCHES_MAX; k++)
			if (is_open(&holes[i].branches[k], version))
				set |= 1u << i;
	return set;
}

uint32_t hole_find(const char *name)
{
	for (size_t i = 0; i < HOLES; i++)
		if (strcmp(holes[i].name, name) == 0)
			return 1u << i;
	return 0;
}

const char *hole_name(uint32_t bit)
{
	return holes[__builtin_ctz(bit)].name;
}

const char *hole_what(uint32_t bit)
{
	return holes[__builtin_ctz(bit)].what;
}

void holes_names(uint32_t set, char *buf, size_t size)
{
	size_t used = 0;
	*buf = '\0';
	for (; set && used < size; set &= set - 1)
		used += (size_t)snprintf(buf + used, size - used, "%s%s", used ? " " : "",
					 hole_name(set));
}
