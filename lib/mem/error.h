/* SPDX-License-Identifier: MIT */
/* What all exporters here need: the sentence of an error, opening a device, rounding a length. */
#ifndef ZCRX_MEM_ERROR_H
#define ZCRX_MEM_ERROR_H

#include <stddef.h>

/*
 * Keeps the sentence for zcrx_mem_error(). In the format %m is the text of the error. Returns the
 * error.
 */
int mem_refuse(int error, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Opens a device for reading and writing. remedy: what to do if it is not there. */
int mem_device(const char *path, const char *remedy);

/* Rounds up to whole pages. Returns 0 or -EINVAL. */
int mem_pages(size_t *ret, size_t bytes);

#endif
