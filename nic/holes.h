/* SPDX-License-Identifier: MIT */
/*
 * Known holes in the zcrx of kernels, which a process that writes the refill ring of a queue, or
 * chooses when a queue ends, can reach. zcrxd gives both into the hands of unprivileged clients.
 *
 * Kernels are known by their version. Distributions mend older versions: who knows that theirs did
 * says so in zcrxd.conf, hole by hole.
 */
#ifndef NIC_HOLES_H
#define NIC_HOLES_H

#include <stddef.h>
#include <stdint.h>

struct kernel_version {
	unsigned major, minor, patch;
	unsigned rc; /* the candidate; UINT_MAX: the release itself */
};

/*
 * Parses a release that uname(2) tells, such as 6.18.15-2-amd64, 6.19.0-rc3 or 7.2.12+deb14-amd64.
 * A missing part is 0.
 */
struct kernel_version kernel_version_parse(const char *release);

/* The set of the holes that kernels of this version have: a bit for each. */
uint32_t holes_of(struct kernel_version version);

/* The bit of the hole of this CVE, or 0 if it is not known here. */
uint32_t hole_find(const char *name);

/* The CVE of a hole, and in a few words what it is. The bit must be that of a hole. */
const char *hole_name(uint32_t bit);
const char *hole_what(uint32_t bit);

/* Writes the names of a set, "CVE-2026-43121 CVE-...", and cuts what does not fit. */
void holes_names(uint32_t set, char *buf, size_t size);

#endif
