/* SPDX-License-Identifier: MIT */
/* Whether what a program printed was written. */
#ifndef ZCRX_BASE_OUTPUT_H
#define ZCRX_BASE_OUTPUT_H

#include <errno.h>
#include <stdio.h>

/*
 * Writes what is still in the stream's buffer. Returns 0, or a negative errno if that or anything
 * before it could not be written.
 */
static inline int output_flush(FILE *f)
{
	if (fflush(f) != 0)
		return errno ? -errno : -EIO;
	return ferror(f) ? -EIO : 0;
}

#endif
