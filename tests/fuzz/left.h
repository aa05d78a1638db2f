/* SPDX-License-Identifier: MIT */
/* What a run must not leave behind in this process: descriptors and mapped memory. */
#ifndef TESTS_FUZZ_LEFT_H
#define TESTS_FUZZ_LEFT_H

#include <stdint.h>

/* Descriptors open now. */
uint32_t left_files(void);

/* Stops if a memfd or a ring is still mapped. */
void left_unmapped(void);

#endif
