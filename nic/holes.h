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
	unsigned rc; /* UINT_MAX: the release itself */
};

/*
 * Of what uname says: 6.18.15-2-amd64, 6.19.0-rc3, 7.2.12+deb14-amd64. What is missing or no number
 * is 0.
 */
struct kernel_version kernel_version_parse(const char *release);

/* A bit for each hole that kernels of this version have. */
uint32_t holes_of(struct kernel_version version);

/* The bit of a hole, known by its CVE; 0: it is not one of ours. */
uint32_t hole_find(const char *name);

/* Its name is its CVE; and what it is, in a few words. The bit is of one that there is. */
const char *hole_name(uint32_t bit);
const char *hole_what(uint32_t bit);

/* "CVE-2026-43121 CVE-..." of all that are set; what does not fit is cut off. */
void holes_names(uint32_t set, char *buf, size_t size);

#endif
