/* SPDX-License-Identifier: MIT */
/* What a run must not leave behind in this process, beside descriptors: mapped memory. */
#ifndef TESTS_FUZZ_LEFT_H
#define TESTS_FUZZ_LEFT_H

/* Stops if a memfd or a ring is still mapped. */
void left_unmapped(void);

#endif
