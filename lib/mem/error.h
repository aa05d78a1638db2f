/* SPDX-License-Identifier: MIT */
/* What every exporter here needs: a sentence for what failed, a device, a length. */
#ifndef ZCRX_MEM_ERROR_H
#define ZCRX_MEM_ERROR_H

#include <stddef.h>

/* Keeps the sentence that goes with the error, whose own text is %m. Returns the error. */
int mem_refuse(int error, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Opens a device for reading and writing. remedy: what to do if it is not there. */
int mem_device(const char *path, const char *remedy);

/* Rounds up to whole pages. Returns 0 or -EINVAL. */
int mem_pages(size_t *ret, size_t bytes);

#endif
